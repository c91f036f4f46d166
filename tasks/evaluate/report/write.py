"""Step 5 of an evaluation: write its figures, its report and the dashboard's summary, from files alone."""

from pathlib import Path

from tasks import tables
from tasks.evaluate.report import page, style
from tasks.evaluate.report.data import EvaluationFiles
from tasks.evaluate.report.figures import figures
from tasks.store.atomic import atomic_write


def write_report(evaluation: Path, root: Path) -> Path:
    """Write the report of an evaluation again; returns its path.

    Args:
        evaluation: The folder of the evaluation, with its explanations.
        root: The data folder.

    Raises:
        UserError: The evaluation has no explanations.
    """
    files = EvaluationFiles(evaluation, root)
    files.require_explanations()
    drawn = figures(files)
    home = tables.FIGURES.path(evaluation)
    home.mkdir(exist_ok=True)
    for left_over in home.iterdir():
        if left_over.stem not in drawn:
            left_over.unlink()
    for name, figure in drawn.items():
        atomic_write(home / f"{name}.png", style.png(figure))
    report = tables.REPORT.path(evaluation)
    atomic_write(report, page.page(files, drawn).encode("utf-8", "replace"))
    atomic_write(tables.SUMMARY.path(evaluation), page.summary(files, drawn).encode("utf-8", "replace"))
    return report
