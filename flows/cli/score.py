"""The command that scores a model on labelled photos."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.arguments import LabelledPhotos, ModelOption, Overrides
from flows.cli.errors import note, say
from flows.cli.under_way import with_bars
from flows.run_records import data_root


def score(
    photos: LabelledPhotos,
    overrides: Overrides = None,
    model: ModelOption = None,
    excel: Annotated[
        bool, typer.Option("--excel", help="Begin CSVs with a byte order mark, which Excel needs.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where the results go: a new folder. Default: one in the data folder."),
    ] = None,
) -> None:
    """Score the champion (`fluke models`), or another model, on labelled photos that it hasn't seen."""
    from flows import console
    from flows.score import score as scoring
    from flows.score import text
    from tasks.tables.evaluate import REPORT

    root = data_root()
    options = scoring.ScoreOptions(photos, model=model, settings=tuple(overrides or ()), excel=excel, out=out)
    with with_bars("nothing was written") as progress:
        scored = scoring.score_to(root, options, progress=progress, announce=note)
    say(text.subject(scored.metrics), "")
    for table in (
        text.score_table(scored.metrics),
        text.class_table(scored.metrics),
        text.confusion_table(scored.metrics),
    ):
        console.console.print(table)
        say("")
    say(text.own_test(scored.metrics))
    for line in [*text.limit_sentences(scored.metrics), *text.reasons(scored.left_out)]:
        say(line)
    say(f"report: {REPORT.path(scored.folder)}")
