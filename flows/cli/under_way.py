"""What surrounds long work in the terminal: bars are drawn, Ctrl-C is one line, and a flow's server is kept alive."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from flows.cli.errors import print_error
from flows.cli.imports import without_collections
from flows.run_records import data_root
from tasks.store.progress import Progress


@contextmanager
def with_bars(kept: str) -> Iterator[Progress]:
    """Do the work of the `with` block, with its messages and its progress on the terminal.

    Args:
        kept: What Ctrl-C leaves, such as `nothing was written`.

    Raises:
        typer.Exit: With code 130, after Ctrl-C.
    """
    from flows import console

    console.show_messages()
    try:
        with console.native_output(data_root() / "logs" / "native.log"), console.Bars() as bars:
            yield bars.progress
    except KeyboardInterrupt as interrupt:
        print_error(f"interrupted; {kept}")
        raise typer.Exit(130) from interrupt


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

    with with_bars(f"{kept}, and the same command continues from there") as progress, start.shown(progress):
        yield
