"""Predict photos with Dask's workers: each one predicts some thousands of them as `fluke predict` does here."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from flows.predict.model import Model
from flows.predict.predict import predict
from tasks.store.context import executor
from tasks.store.progress import Progress, silent
from tasks.store.work import Workers

if TYPE_CHECKING:
    import pandas as pd

_PHOTOS = 2048
"""Photos that a worker predicts at once, so that it waits seldom for the first ones to be decoded."""
_predicting = Lock()


def predict_on(
    workers: Workers,
    model: Model,
    photos: Sequence[tuple[str, Path]],
    *,
    top_k: int,
    progress: Progress,
    photos_each: int = _PHOTOS,
) -> "pd.DataFrame":
    """Predict photos as `predict` does, without heat maps; the model and the photos have the same paths on all workers.

    Args:
        workers: Who predicts.
        model: The trained model.
        photos: Names and paths.
        top_k: Number of classes per photo.
        progress: Reports how many photos are done.
        photos_each: Photos that a worker predicts at once.

    Returns:
        The table of `predict`.
    """
    import pandas as pd

    absolute = [(name, path.absolute()) for name, path in photos]
    parts = [absolute[start : start + photos_each] for start in range(0, len(absolute), photos_each)]
    predicted = partial(_predicted, model=model, top_k=top_k, total=len(photos))
    tables = []
    with progress("photos", total=len(photos)) as advance:
        for table in workers.map(predicted, parts, "predictions"):
            tables.append(table)
            advance(len(table))
    return pd.concat(tables, ignore_index=True)


def _predicted(photos: Sequence[tuple[str, Path]], model: Model, top_k: int, total: int) -> "pd.DataFrame":
    with _predicting, executor(0) as threads:  # the network uses every core
        return predict(model, photos, top_k=top_k, threads=threads, progress=silent, total=total)
