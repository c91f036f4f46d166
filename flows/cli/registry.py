"""Commands that show which model is used under each name, and that change it."""

import shlex
from itertools import groupby
from typing import Annotated

import typer

from flows.cli.errors import say
from flows.run_records import data_root

Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why, in one sentence; it is shown by `fluke models`.")]


def models(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Show all decisions about the models of this name.")
    ] = None,
    last: Annotated[int, typer.Option(min=1, help="Without NAME: number of models of each name to list.")] = 10,
) -> None:
    """List the models of each name: which is used (the champion), their scores, and what was decided about them."""
    from flows import console, run_lines
    from flows.models.listing import list_models
    from flows.models.person import known_name

    root = data_root()
    if name is not None:
        name = known_name(root, name)
    listed, left_out = [], []
    for each, rows in groupby(list_models(root, name), key=lambda row: row.name):
        of_name = list(rows)
        shown = of_name if name else [row for i, row in enumerate(of_name) if i < last or row.is_champion]
        listed += shown
        if len(shown) < len(of_name):
            more = len(of_name) - len(shown)
            left_out.append(f"... and {more:,} older of {each}; `fluke models {shlex.quote(each)}` shows all decisions")
    if not listed:
        say("no models yet; `fluke run PRESET` trains one")
        return
    for line in run_lines.models_lines(listed):
        console.console.print(line, soft_wrap=True)
    say(*left_out)


def promote(
    run: Annotated[str, typer.Argument(metavar="RUN", help="ID of a run, or a name given by `fluke name`.")],
    reason: Reason = "",
) -> None:
    """Use the model of a run from now on, whatever was decided about it."""
    from flows.models.person import promote as decide

    decision = decide(data_root(), run, reason)
    say(f"{decision.name}: the model of run {decision.run} is used from now on")
    _say_way_back(decision.name)


def rollback(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Name of the models; needed if there are several.")
    ] = None,
    reason: Reason = "",
) -> None:
    """Use the model again that was used before the present one."""
    from flows.models.person import roll_back

    decision = roll_back(data_root(), name, reason)
    say(f"{decision.name}: the model of run {decision.to} is used again, and no longer that of run {decision.run}")
    say(f"to undo this: fluke promote {decision.run}")


def retire(
    name: Annotated[str, typer.Argument(metavar="RUN|NAME", help="A run, or the name of models: all of them.")],
    reason: Reason = "",
) -> None:
    """Don't use the model of a run, or any model of a name, any more; prune may delete it then."""
    from flows.models.person import retire as decide
    from flows.models.registry import Registry

    decision = decide(data_root(), name, reason)
    what = f"the model of run {decision.run}" if decision.run else "its models"
    champion = Registry(data_root(), decision.name).champion()
    then = f"that of run {champion} is used" if champion else "no model of this name is used"
    verb = "is" if decision.run else "are"
    say(f"{decision.name}: {what} {verb} retired, and {then}; `fluke promote RUN` uses one again")


def _say_way_back(name: str) -> None:
    from flows.models.find import before_champion

    if before := before_champion(data_root(), name):
        say(f"to go back to the model of run {before.id}: fluke rollback {shlex.quote(name)}")
