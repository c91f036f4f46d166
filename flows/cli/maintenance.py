"""Commands that look after the data folder."""

from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal

from flows.cli.arguments import Yes
from flows.cli.errors import confirm, say
from flows.run_records import data_root, read_records
from tasks.store.bucket import copies
from tasks.store.errors import UserError
from tasks.tables.crawl import PHOTOS


def prune(
    keep: Annotated[
        int, typer.Option(min=0, help="Number of good runs of each preset that are kept; the newest one always is.")
    ] = 5,
    photos: Annotated[
        bool, typer.Option(help="Also delete photos that no kept crawl contains; they may have vanished from the web.")
    ] = False,
    yes: Yes = False,
) -> None:
    """List what no kept run needs and its size, then delete it if you confirm.

    Kept are the newest good runs of each preset, its last run, and the models that are used (also those that
    `fluke rollback` would go back to), named, or compared with.
    """
    from flows import console
    from flows.maintenance import prune as pruning
    from flows.maintenance.needed import find_needed
    from tasks.store.store import Store

    store = Store(data_root())
    unneeded = pruning.find_unneeded(store, keep, photos=photos)
    if not unneeded:
        say("nothing to delete")
        return
    for reason, count, total in pruning.by_reason(unneeded):
        say(f"{decimal(total):>10}  {count:,} x {reason}")
    say(*(console.pruned_model_line(run, others) for run, others in pruning.pruned_models(store, unneeded)))
    say(find_needed(store, keep).text())
    total = sum(item.bytes for item in unneeded)
    if confirm(f"Delete these {decimal(total)}?", yes):
        freed = pruning.delete(store, unneeded, keep, photos=photos)
        say(f"freed {decimal(freed)}")


def forget(
    photo: Annotated[
        str,
        typer.Argument(
            metavar="FILE|URL|SHA256", help=f"Your file of the photo, or its URL or SHA-256 as in {PHOTOS.name}."
        ),
    ],
    purge: Annotated[
        bool, typer.Option(help="Also delete the artifacts and shards that contain it; the next run builds them again.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Delete a photo from the data folder, list what was made from it, and exclude it from all later crawls."""
    from flows import console
    from flows.maintenance import forget as forgetting
    from tasks.store.store import Store

    store = Store(data_root())
    traces = forgetting.find_traces(store, photo)
    say(*console.traces_lines(traces, store))
    is_stored = traces.files or traces.elsewhere
    question = "Delete it and exclude it from later crawls?" if is_stored else "Exclude it from later crawls?"
    if purge and (traces.artifacts or traces.shards):
        question = (
            f"Delete it, {len(traces.artifacts)} artifacts and {len(traces.shards)} shards, "
            "and exclude it from later crawls?"
        )
    elif traces.artifacts:
        say("these artifacts still contain it, or were trained on it; --purge deletes them, too")
    if confirm(question, yes):
        forgetting.forget(store, traces, purge=purge)
        say("done; later crawls exclude it")


def status(runs: Annotated[int, typer.Option(min=1, help="Number of runs to list.")] = 10) -> None:
    """List the last runs with their photos and decisions, what is on disk, and whether the dashboard is running."""
    from flows import console, run_lines, server
    from flows.maintenance.prune import disk_usage

    root = data_root()
    records = read_records(root)[:runs]
    if records:
        for line in run_lines.runs_lines(records, root):
            console.console.print(line, soft_wrap=True)
    else:
        say("no runs yet")
    say("", f"on disk, below {root}:")
    console.console.print(console.disk_table(disk_usage(root)))
    address, process = server.url(root), server.process_id(root)
    silent = f"does not answer (process {process}; `fluke down` stops it)" if process else None
    say("", f"dashboard: {address.removesuffix('/api') if address else silent or 'not running (`fluke up` starts it)'}")


def backup(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the copy is, or will be: on another disk.")],
) -> None:
    """Copy the data folder, with the server's database, to another folder; again later, only what has changed.

    The copy is a data folder: FLUKE_DATA=FOLDER uses it.
    """
    from flows import preflight
    from flows.maintenance.backup import back_up

    root = data_root()
    if not root.is_dir():
        raise UserError(f"{root}: there is no data folder to copy; set FLUKE_DATA")
    with preflight.in_use(root):
        copies.refresh(root)
        done = back_up(root, folder)
    gone = f"; deleted {done.deleted:,} that {root} doesn't have any more" if done.deleted else ""
    say(f"copied {done.files:,} new or changed files ({decimal(done.size_bytes)}) to {folder}{gone}")
