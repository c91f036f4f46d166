"""The command line: `fluke run demo`, `fluke why train demo`, `fluke status` ..."""

import sys
from typing import Annotated

import typer

from flows.cli import (
    ablate,
    api,
    dataset,
    doctor,
    errors,
    label,
    look,
    maintenance,
    models,
    moving,
    notify,
    registry,
    review,
    runs,
    score,
    server,
    service,
    testlist,
    version,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="From keywords, a folder or a CSV of photos to an evaluated image classifier; scheduled, it stays up to date.",
    epilog="Everything is written below ./data, or below $FLUKE_DATA.",
)


@app.callback()
def _options(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=version.print_version,
            is_eager=True,
            help="Show the version, and the commit if known.",
        ),
    ] = False,
) -> None:
    pass


for _command in (
    runs.run,
    runs.stage,
    runs.check,
    runs.config,
    runs.why,
    runs.report,
    ablate.ablate,
    review.review,
    label.label,
    models.predict,
    api.api,
    look.look,
    score.score,
    models.export,
    models.name,
    registry.models,
    registry.promote,
    registry.rollback,
    registry.retire,
    maintenance.prune,
    maintenance.forget,
    maintenance.status,
    maintenance.backup,
    moving.push,
    moving.pull,
    dataset.dataset,
    doctor.doctor,
    server.up,
    server.down,
    server.serve,
    notify.notify,
):
    app.command()(_command)
app.command("open")(api.open_page)
app.command("testlist")(testlist.show)
app.add_typer(service.app, name="service")


def main() -> None:
    """Run the command line; print an error as one line and exit with 2 (user error) or 1 (internal error)."""
    from flows import mirrored
    from flows.server import ask_loopback_directly

    errors.survive_any_locale()
    ask_loopback_directly()
    try:
        with errors.no_passwords():
            try:
                with mirrored.kept_up():
                    app()
            except Exception as error:
                sys.exit(errors.report_error(error))
    finally:
        # After a Ctrl-C inside code that runs from source text (dataclasses do so on import), CPython ends the process
        # by that signal even if the exception was handled; running another source text resets this.
        exec("")
