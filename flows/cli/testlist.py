"""The command that shows the list of test photos of a model's name."""

from typing import Annotated

import typer

from flows.cli.errors import say
from flows.run_records import data_root


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the models: the preset's, or its setting name.")],
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Pin the test photos of the newest run instead of the present list.")
    ] = False,
) -> None:
    """Show the test photos on which the models of a name are compared; --refresh pins those of the newest run."""
    from flows import console
    from flows.models import list_report

    root = data_root()
    if refresh:
        say(list_report.refresh(root, name))
    found = list_report.read(root, name)
    console.console.print(list_report.table(found))
    say("", *list_report.lines(found))
