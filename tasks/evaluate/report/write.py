"""Step 5 of an evaluation: write the figures, the report and the dashboard's summary. Reads only files."""

from pathlib import Path

from tasks import tables
from tasks.evaluate.report import page, style
from tasks.evaluate.report.data import EvaluationFiles
from tasks.evaluate.report.figures import figures
from tasks.store import hashing
from tasks.store.atomic import atomic_write, write_json


def write_report(evaluation: Path, root: Path) -> Path:
    """Write the report of an evaluation.

    Args:
        evaluation: The folder of the evaluation, with its explanations.
        root: The data folder.

    Returns:
        The path of report.html.

    Raises:
        UserError: The evaluation has no explanations.
    """
    files = EvaluationFiles(evaluation, root)
    files.require_explanations()
    written_by = tables.REPORTED.path(evaluation)
    written_by.unlink(missing_ok=True)
    drawn = figures(files)
    home = tables.FIGURES.path(evaluation)
    home.mkdir(exist_ok=True)
    for old in home.iterdir():
        if old.stem not in drawn:
            old.unlink()
    for name, figure in drawn.items():
        atomic_write(home / f"{name}.png", style.png(figure))
    report = tables.REPORT.path(evaluation)
    atomic_write(report, page.html(files, drawn).encode("utf-8", "replace"))
    atomic_write(tables.SUMMARY.path(evaluation), page.dashboard_summary(files, drawn).encode("utf-8", "replace"))
    write_json(written_by, {"source": hashing.of_source(__name__)})  # last: without it, the report is incomplete
    return report
