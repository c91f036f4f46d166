"""Scores of a labelled folder as a Prefect flow: on a schedule, or from the dashboard."""

import logging
from pathlib import Path

from prefect import flow

from flows import preflight
from flows.dashboard import artifacts, stages
from flows.dashboard.engine import attached
from flows.run_records import data_root
from flows.score.score import ScoreOptions, score_to
from flows.score.text import reasons, score_rows, subject
from tasks.tables.evaluate import REPORT
from tasks.text import markdown

logger = logging.getLogger("fluke.score")


@flow(name="score", flow_run_name="score: {source}", persist_result=False)
def score_folder(
    source: Path, *, model: str | None = None, settings: list[str] | None = None, out: Path | None = None
) -> dict[str, float]:
    """Score a model on labelled photos, like `fluke score`.

    Args:
        source: A folder with one sub-folder of photos per class, or a CSV of photos and classes.
        model: A name of models (its champion), or a run; by default the only name.
        settings: How to read the source, such as crawl.columns.label=species.
        out: A new or empty folder for the results; by default, one in the data folder.

    Returns:
        The scores, by name: accuracy, macro_f1 and others.
    """
    root = data_root()
    preflight.check_writable(root)
    options = ScoreOptions(source, model=model, settings=tuple(settings or ()), out=out)
    with attached():
        scored = score_to(root, options, progress=stages.progress, announce=logger.info)
        for line in reasons(scored.left_out):
            logger.warning("%s", line)
        rows = [
            {"score": row.title, "value": row.value, "95 % interval": row.interval, "in its own test": row.own}
            for row in score_rows(scored.metrics)
        ]
        where = stages.code(REPORT.path(scored.folder))
        artifacts.table("score", rows, f"{markdown(subject(scored.metrics))}  \n{where}")
    return {name: float(score["value"]) for name, score in scored.metrics["test"]["scores"].items()}
