"""Commands that copy runs between data folders and buckets."""

from typing import Annotated

import typer
from rich.filesize import decimal

from flows.cli.errors import say
from flows.run_records import data_root
from tasks.store.bucket import copies

_Photos = Annotated[bool, typer.Option("--photos/--no-photos", help="Whether to copy the photos of its crawl.")]


def push(
    run: Annotated[str, typer.Argument(metavar="NAME|RUN", help="Name of models: the one that is used; or a run.")],
    target: Annotated[
        str, typer.Argument(metavar="URL|FOLDER", help="s3://BUCKET/PREFIX, gs://..., az://..., or a data folder.")
    ],
    photos: _Photos = True,
) -> None:
    """Copy a run with all that it needs from the data folder to a bucket or another data folder."""
    _copy(_here(), target, run, photos=photos)


def pull(
    source: Annotated[
        str, typer.Argument(metavar="URL|FOLDER", help="s3://BUCKET/PREFIX, gs://..., az://..., or a data folder.")
    ],
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME|RUN]", help="Name of models: the one that is used there; or a run. Default: the only name."
        ),
    ] = None,
    photos: _Photos = True,
) -> None:
    """Copy a run with all that it needs from a bucket or another data folder to the data folder."""
    _copy(source, _here(), run, photos=photos)


def _here() -> str:
    """Return the data folder, or the URL that it is the local copy of."""
    root = data_root()
    copy = copies.of(root)
    return copy.url if copy else str(root)


def _copy(source: str, target: str, run: str | None, *, photos: bool) -> None:
    from flows import console
    from flows.moving.copy import copy_run, place_of

    console.show_messages()
    there, here = place_of(source), place_of(target)
    with console.Bars() as bars:
        done = copy_run(there, here, run, photos=photos, progress=bars.progress)
    present = f"; {done.present:,} were there already" if done.present else ""
    say(f"copied run {done.run} to {here.name}: {done.files:,} files ({decimal(done.bytes)}){present}", *done.notes)
