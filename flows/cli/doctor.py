"""The command that looks at this machine."""

import os
from pathlib import Path

import typer

from flows.cli.errors import say
from flows.run_records import data_root
from tasks.store.errors import UserError


def doctor() -> None:
    """Show what fluke sees on this machine, and what is wrong with it; exit code 1 if a run would end with an error."""
    from flows import console, doctor

    try:
        root = data_root()
    except UserError as error:
        say(f"{'data folder':<18} error: {error}", "", "a run would end with an error: see the 1 error above")
        raise typer.Exit(1) from None
    found = []
    with console.native_output(Path(os.devnull)):  # the data folder stays as it is
        for finding in doctor.examine(root):
            found.append(finding)
            say(f"{finding.what:<18} {finding.seen}")
            if finding.problem:
                say(f"{'':<18} {'error' if finding.stops_runs else 'warning'}: {finding.problem}")
    errors = sum(finding.stops_runs for finding in found)
    warnings = sum(bool(finding.problem) for finding in found) - errors
    if errors:
        say("", f"a run would end with an error: see the {_count(errors, 'error')} above")
        raise typer.Exit(1)
    say(
        "",
        f"a run would work; there {'is' if warnings == 1 else 'are'} {_count(warnings, 'warning')}"
        if warnings
        else "all is well",
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number > 1 else ''}"
