"""The command that writes photos as a dataset for other programs."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.cli.errors import say
from flows.run_records import data_root


def dataset(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new or empty folder.")],
    run: Annotated[
        str | None,
        typer.Argument(metavar="[NAME|RUN]", help="Name of models: the one that is used; or a run. Default: the only."),
    ] = None,
    format_: Annotated[
        Literal["folder", "coco", "label-studio", "fiftyone", "croissant"],
        typer.Option("--format", help="folder: train/CLASS, val/CLASS, test/CLASS, as YOLO and torchvision read them."),
    ] = "folder",
) -> None:
    """Write the photos that a run kept, with their classes and split, for other programs."""
    from flows import console, preflight
    from flows.dataset.write import check_target, write_dataset

    root = data_root()
    check_target(folder)
    console.show_messages()
    with preflight.in_use(root), console.Bars() as bars:
        done = write_dataset(root, run, folder, format_, progress=bars.progress)
    gone = f"; {done.gone:,} are gone from the data folder" if done.gone else ""
    say(f"{folder}: {done.photos:,} photos of run {done.run}{gone}")
