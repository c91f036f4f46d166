"""The page of `fluke score`: its numbers, figures, and the mistakes that the model is surest of."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from flows.score.photos import LeftOut
from flows.score.text import limit_sentences, reasons, score_rows, subject
from tasks.images import thumbnails
from tasks.templates import template

if TYPE_CHECKING:
    import pandas as pd

_MISTAKES = 24
"""Photos that are shown."""


def figures(metrics: Mapping[str, Any], answered: "pd.DataFrame", matrix: NDArray[np.int64]) -> dict[str, Any]:
    """Draw the figures, which only the report's modules know; returns them by name.

    Args:
        metrics: The content of metrics.json.
        answered: The columns of predictions.parquet.
        matrix: (classes, classes) counts; rows are true classes.
    """
    from tasks.evaluate.report import charts, confusion

    rows = metrics["per_class"]
    names = [row["label"] for row in rows]
    is_used = (matrix.sum(axis=0) + matrix.sum(axis=1)) > 0  # the model may know classes that nobody has photos of
    used = np.flatnonzero(is_used)
    recall = np.array([np.nan if row["recall"] is None else row["recall"] for row in rows])
    right = (answered["predicted"] == answered["label"]).to_numpy()
    drawn = {
        "confusion": confusion.confusion_matrix(matrix[np.ix_(used, used)], [names[i] for i in used]),
        "recall_per_class": charts.recall_per_class(recall, [row["test"] for row in rows], names),
        "reliability": charts.reliability(answered["probability"].to_numpy(), right),
    }
    if len(used) > confusion.MOST_NUMBERS and metrics["confusions"]:
        drawn["most_confused"] = confusion.most_confused(matrix, names)
    return drawn


def pictures(drawn: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the figures as PNG, by the name of their file."""
    from tasks.evaluate.report import style

    return {f"{name}.png": style.png(figure) for name, figure in drawn.items()}


def html(
    metrics: Mapping[str, Any],
    answered: "pd.DataFrame",
    photos: "pd.DataFrame",
    left_out: Sequence[LeftOut],
    drawn: Mapping[str, Any],
) -> str:
    """Write the page, without scripts and external files; all text is escaped.

    Args:
        metrics: The content of metrics.json.
        answered: The columns of predictions.parquet, n rows.
        photos: The same n photos, with their paths.
        left_out: The photos that are not scored.
        drawn: The figures, by name.
    """
    from tasks.evaluate.report import style

    return template(Path(__file__).with_name("page.html.jinja")).render(
        subject=subject(metrics),
        scores=list(score_rows(metrics)),
        classes=[row for row in metrics["per_class"] if row["test"] or row["precision"] is not None],
        figures={name: Markup(style.svg(figure)) for name, figure in drawn.items()},
        limits=list(limit_sentences(metrics)),
        left_out=reasons(left_out),
        notes=metrics["scored"]["notes"],
        mistakes=list(_mistakes(answered, photos)),
        wrong=int((answered["predicted"] != answered["label"]).sum()),
        run=metrics["scored"]["run"],
        source=metrics["scored"]["source"],
    )


def _mistakes(answered: "pd.DataFrame", photos: "pd.DataFrame") -> Iterator[dict[str, Any]]:
    """Yield the wrong answers that the model is surest of."""
    paths = dict(zip(photos["photo"], photos["path"], strict=True))
    wrong = answered[answered["predicted"] != answered["label"]]
    for row in wrong.sort_values("probability", ascending=False, kind="stable").head(_MISTAKES).to_dict("records"):
        yield {str(key): value for key, value in row.items()} | {"picture": thumbnails.of_file(paths[row["photo"]])}
