"""Commands that answer photos over HTTP: the API for programs, and the page for a person."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.arguments import ModelOption
from flows.cli.errors import note, say
from flows.reminders import reminding
from flows.run_records import data_root

if TYPE_CHECKING:
    from flows.api.champion import Champion

_KEY = "FLUKE_API_KEY"
_PORT = 8080


def api(
    model: ModelOption = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = _PORT,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help=f"Other addresses than this machine's need ${_KEY}.")
    ] = "127.0.0.1",
    photo_mb: Annotated[float, typer.Option(min=0.001, help="Largest file of a photo, MB.")] = 25,
    photo_mpx: Annotated[float, typer.Option(min=0.001, help="Most pixels of a photo, millions.")] = 100,
) -> None:
    """Answer photos over HTTP with the model that is used (`fluke models`), until Ctrl-C."""
    from flows.api import hosts

    root, key = data_root(), os.environ.get(_KEY) or None
    hosts.check(host, key)

    def announce(address: str) -> None:
        say(f"{address}/predict answers with the model of run {champion.current.run.id}")
        say(
            f"curl --data-binary @photo.jpg -H 'Content-Type: image/jpeg' {address}/predict",
            f"documentation: {address}/docs",
            "Ctrl-C stops it",
        )

    with _loaded(root, model) as champion:
        from flows.api import server
        from flows.api.answering import Answering
        from flows.api.bodies import Limits

        limits = Limits(photo_mb=photo_mb, photo_mpx=photo_mpx)
        server.serve(Answering(champion, limits), host=host, port=port, key=key, announce=announce)
    say("stopped")


def open_page(
    model: ModelOption = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Default: any free port.", show_default=False)] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
) -> None:
    """Open a local page on which photos are dropped and answered: class, heat map, similar photos; until Ctrl-C."""
    from flows.local_page import server

    root = data_root()

    def announce(address: str) -> None:
        say(f"drop photos on this page: {address}", "Ctrl-C stops it")

    with _loaded(root, model) as champion:
        from flows.api import page
        from flows.api.answering import Answering
        from flows.api.bodies import Limits

        answering = Answering(champion, Limits())
        server.serve(
            root,
            lambda at: page.build(answering, token=at.token, port=at.port, opened=at.opened),
            name="fluke open",
            port=port,
            browser=browser,
            announce=announce,
            remind=note,
        )
    say("stopped")


@contextmanager
def _loaded(root: Path, model: str | None) -> "Iterator[Champion]":
    """Load the model that answers; the block uses it."""
    from flows import console

    console.show_messages()
    note("loading the model ...")
    with console.native_output(root / "logs" / "native.log"):
        with reminding("still loading the model", note):
            from flows.api.champion import Champion  # imports TensorFlow

            champion = Champion(root, model)
        with champion:
            yield champion
