"""The folder that `fluke score` writes: predictions, metrics, the confusion matrix, figures and a page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.predict import outputs
from flows.predict.table_file import write_table
from flows.score.photos import LeftOut
from tasks import tables
from tasks.crawl.listing.tree import HEAT_MAPS
from tasks.store import hashing
from tasks.store.atomic import atomic_folder, write_json
from tasks.store.errors import UserError
from tasks.store.file_errors import PARTIAL

if TYPE_CHECKING:
    import pandas as pd

FOLDER = "scores"
CONFUSION, LEFT_OUT, SHEET = "confusion.csv", "left_out.csv", "sheet.png"


def default_folder(root: Path, source: Path, run: str) -> Path:
    """Return the folder for the scores of a run's model on a source, in the data folder."""
    path = source.expanduser().absolute()
    return root / FOLDER / f"{outputs.readable_name(path.name)}-{hashing.of_value(str(path))[:6]}-{run}"


def check(option: str, folder: Path) -> None:
    """Raise UserError unless scores can be written into a folder: a new or empty one, or one with earlier scores."""
    outputs.check_folder(option, folder)
    names = {path.name for path in folder.iterdir() if not path.name.startswith(PARTIAL)} if folder.is_dir() else set()
    if names and not {HEAT_MAPS, tables.evaluate.METRICS.name} <= names:
        raise UserError(f"{option} {folder}: the folder holds other files; name a new or an empty folder")


def write(
    folder: Path,
    metrics: Mapping[str, Any],
    answered: "pd.DataFrame",
    photos: "pd.DataFrame",
    left_out: Sequence[LeftOut],
    *,
    sets: Sequence[Mapping[str, Any]] = (),
    excel: bool = False,
) -> None:
    """Write everything into the folder, or nothing; what earlier scores have left there is replaced.

    Args:
        folder: The folder.
        metrics: The content of metrics.json.
        answered: The columns of predictions.parquet, n rows.
        photos: The same n photos, with their paths.
        left_out: The photos that are not scored.
        sets: The rows of prediction_sets.parquet; empty if the model has no limit for possible classes.
        excel: Whether CSVs begin with a byte order mark, which Excel needs for UTF-8.
    """
    import pandas as pd

    from flows.score import page, sheet

    names = [row["label"] for row in metrics["per_class"]]
    crossed = pd.crosstab(answered["label"], answered["predicted"]).reindex(index=names, columns=names, fill_value=0)
    figures = page.figures(metrics, answered, crossed.to_numpy())
    with atomic_folder(folder) as partial:
        (partial / HEAT_MAPS).touch()  # a later crawl passes over this folder
        tables.evaluate.PREDICTIONS.write(answered, partial)
        if sets:
            tables.evaluate.PREDICTION_SETS.write_rows(sets, partial)
        write_json(tables.evaluate.METRICS.path(partial), dict(metrics), sort_keys=True)
        write_table(crossed.rename_axis(index="true", columns=None).reset_index(), partial / CONFUSION, excel=excel)
        write_table(pd.DataFrame(left_out, columns=LeftOut._fields), partial / LEFT_OUT, excel=excel)
        for name, data in page.pictures(figures).items():
            (partial / name).write_bytes(data)
        (partial / SHEET).write_bytes(sheet.draw(answered, photos))
        text = page.html(metrics, answered, photos, left_out, figures)
        tables.evaluate.REPORT.path(partial).write_text(text, encoding="utf-8", errors="replace")
    if not sets:
        tables.evaluate.PREDICTION_SETS.path(folder).unlink(missing_ok=True)  # of earlier scores
