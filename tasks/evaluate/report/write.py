"""Step 5 of an evaluation: write the figures, the report and the dashboard's summary. Reads only files."""

import logging
from pathlib import Path

from tasks import tables
from tasks.evaluate.report import fonts, page, style
from tasks.evaluate.report.data import EvaluationFiles
from tasks.evaluate.report.figures import figures
from tasks.evaluate.view_record import ViewRecord, report_inputs
from tasks.store.atomic import atomic_write
from tasks.store.paths import remove

logger = logging.getLogger("fluke.evaluate")


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
    tables.evaluate.REPORTED.path(evaluation).unlink(missing_ok=True)
    for line in fonts.advice("".join(files.class_names)):
        logger.warning(line)
    drawn = figures(files)
    home = tables.evaluate.FIGURES.path(evaluation)
    if not home.is_dir() or home.is_symlink():
        remove(root, home)  # a link that leads to other files, of which the loop below would delete some
    home.mkdir(exist_ok=True)
    for old in home.iterdir():
        if old.stem not in drawn:
            old.unlink()
    for name, figure in drawn.items():
        atomic_write(home / f"{name}.png", style.png(figure))
    report = tables.evaluate.REPORT.path(evaluation)
    atomic_write(report, page.html(files, drawn).encode("utf-8", "replace"))
    atomic_write(
        tables.shared.SUMMARY.path(evaluation), page.dashboard_summary(files, drawn).encode("utf-8", "replace")
    )
    written = [report, tables.shared.SUMMARY.path(evaluation), *home.iterdir()]
    ViewRecord.of(evaluation, written, report_inputs(evaluation)).write(tables.evaluate.REPORTED.path(evaluation))
    return report
