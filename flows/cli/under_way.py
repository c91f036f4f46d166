"""What surrounds a flow that runs in the terminal: its server is kept alive, bars are drawn, and Ctrl-C is one line."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from flows.cli.errors import print_error
from flows.cli.imports import without_collections
from flows.run_records import data_root


@contextmanager
def under_way(kept: str) -> Iterator[None]:
    """Run the flow of the `with` block, with its progress on the terminal.

    Args:
        kept: What is kept after Ctrl-C, such as `finished trainings are kept`.

    Raises:
        typer.Exit: With code 130, after Ctrl-C.
    """
    with without_collections():
        from flows import console, run, start  # noqa: F401 - `start` needs `run`

    console.show_messages()
    try:
        with (
            console.native_output(data_root() / "logs" / "native.log"),
            console.Bars() as bars,
            start.shown(bars.progress),
        ):
            yield
    except KeyboardInterrupt as interrupt:
        print_error(f"interrupted; {kept}, and the same command continues from there")
        raise typer.Exit(130) from interrupt
