"""The command with which people label photos that have no class yet."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.arguments import Overrides, load_config
from flows.cli.errors import note, say
from flows.run_records import data_root
from tasks.store.bucket import copies

if TYPE_CHECKING:
    from flows.label.networks import Network


def label(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Photos without a class; sub-folders are included.")],
    preset: Annotated[
        str | None,
        typer.Argument(
            metavar="PRESET",
            help="Preset, or YAML file, that the photos are for: its model proposes classes, its photos are left out.",
            show_default=False,
        ),
    ] = None,
    overrides: Overrides = None,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="CSV with the labels. Default: crawl.labelled, or FOLDER/labels.csv."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Default: any free port.", show_default=False)] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
) -> None:
    """Label photos without a class on a local page, by keyboard, the most useful first; until Ctrl-C."""
    from configs.schema import Config
    from flows import console, preflight
    from flows.label.app import build
    from flows.label.labels import NAME, LabelFiles
    from flows.label.looking import looking
    from flows.label.photos import files_of, require_folder, unlabelled
    from flows.label.proposals import Knowledge
    from flows.label.run import KnownRun, known_run
    from flows.label.session import LabelSession
    from flows.local_page import server
    from flows.local_page.images import ImageCache
    from tasks.store.context import executor

    def load() -> "Network":
        from flows.label.networks import ModelInUse, PretrainedNetwork  # imports TensorFlow

        if known.champion:
            return ModelInUse(root, known.champion)
        return PretrainedNetwork(config.preprocess, config.pretrain)

    config = load_config(preset, overrides) if preset else Config()
    preflight.check_names(config, crawls=False)
    copies.refresh(data_root())
    root, folder = data_root(), require_folder(folder)
    preflight.check_writable(root)
    path = (labels or config.crawl.labelled or folder / NAME).expanduser().absolute()
    files = LabelFiles(path)
    files.read()  # an error in it comes first
    files.check_writable()
    console.show_messages()
    known = known_run(root, config, preset) if preset else KnownRun()
    with executor(0) as threads, console.Bars() as bars:
        found = unlabelled(folder, path, known.photos, threads=threads, progress=bars.progress)
    for line in found.notes:
        note(line)

    with console.native_output(root / "logs" / "native.log"):
        session = LabelSession(found.photos, files, Knowledge(), known.classes)
        images = ImageCache(Path(folder.anchor), files_of(found.photos))

        def announce(address: str) -> None:
            by = f"run {known.champion.id} proposes classes" if known.champion else "no model in use"
            say(f"{session.left:,} photos to label ({by}): {address}")
            say("Ctrl-C stops the page; your labels are kept")

        with looking(load, session, known.examples, os.cpu_count() or 1):
            server.serve(
                root,
                lambda at: build(folder, session, images, token=at.token, port=at.port, opened=at.opened),
                name="fluke label",
                port=port,
                browser=browser,
                announce=announce,
                remind=note,
            )
    say("", f"{session.labelled:,} photos have a class in {path}" if session.labelled else "no photo has a class yet")
    if session.labelled:
        say(_next_command(preset, overrides or [], path, is_set=path == _absolute(config.crawl.labelled)))


def _next_command(preset: str | None, overrides: list[str], path: Path, *, is_set: bool) -> str:
    """Say which command trains with the labels."""
    if preset is None:
        command = shlex.join(["fluke", "run", "default", "crawl.sources=csv", f"crawl.path={path}"])
        return f"`{command}` trains with them"
    if is_set:
        return f"`{shlex.join(['fluke', 'run', preset, *overrides])}` trains with them"
    command = shlex.join(["fluke", "run", preset, *overrides, f"crawl.labelled={path}"])
    return f"`{command}` trains with them; for every night, set crawl.labelled in the preset's YAML file"


def _absolute(path: Path | None) -> Path | None:
    return path.expanduser().absolute() if path else None
