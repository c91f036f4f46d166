"""The command that lets people review doubtful photos."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.arguments import Overrides, Preset, load_config
from flows.cli.errors import note, say
from flows.run_records import data_root
from tasks.store.bucket import copies


def review(
    preset: Preset,
    overrides: Overrides = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Default: any free port.", show_default=False)] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
    reviewer: Annotated[
        str, typer.Option("--as", metavar="NAME", help="Who decides. Default: your login name.", show_default=False)
    ] = "",
    export: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write a contact sheet to this folder; start no page.")
    ] = None,
) -> None:
    """Show photos and labels that filter and train doubt on a local page, to keep, reject or relabel; until Ctrl-C."""
    from flows import preflight
    from flows.local_page import server
    from flows.review import app
    from flows.review.contact_sheet import export as write_contact_sheet
    from flows.review.current import CurrentList
    from flows.review.lists import ReviewLists
    from flows.review.reviewer import reviewer_name

    loaded = load_config(preset, overrides)
    preflight.check_names(loaded, crawls=False)
    copies.refresh(data_root())
    root, command = data_root(), shlex.join([preset, *(overrides or ())])
    current = CurrentList(root, loaded, command)
    review_list = current.read()
    photos = loaded.crawl.path
    title = Path(preset).stem + (f" · {photos.name}" if photos else "")
    where = f"photos in {photos}, data in {root}" if photos else f"data in {root}"
    if export:
        say(f"contact sheet: {write_contact_sheet(root, review_list, export.absolute(), title=title)}")
        return
    preflight.check_writable(root)

    lists = ReviewLists(root, review_list, current.newer, reviewer=reviewer_name(reviewer))

    def announce(address: str) -> None:
        count = len(review_list.items)
        say(
            f"{count:,} photos to review: {address}",
            f"{len(review_list.photos):,} photos to browse; Ctrl-C stops the page; your decisions are kept",
        )

    server.serve(
        root,
        lambda at: app.build(root, lists, title=title, where=where, token=at.token, port=at.port, opened=at.opened),
        name="fluke review",
        port=port,
        browser=browser,
        announce=announce,
        remind=note,
    )
    changed = lists.changed()
    count = f"{changed:,} {'photo' if changed == 1 else 'photos'}"
    say("", f"reviewed {count}; `fluke run {command}` applies your decisions" if changed else "no changes")
