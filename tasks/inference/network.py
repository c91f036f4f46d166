"""A trained classifier at work: what it says of photos, by which features, and where it looked."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tasks.networks.classifier import with_features
from tasks.networks.explain.gradcam import Explainer
from tasks.networks.keras_io import load
from tasks.store.errors import UserError

_BATCH_ROWS = 64
"""Rows of one call, as in training: of tiles of 224 px, VGG16 takes 32 MB for each."""


class TrainedClassifier:
    """A classifier from its file."""

    def __init__(self, path: Path) -> None:
        """Read a classifier.keras."""
        self._path = path
        self._classifier = load(path)
        self._both = with_features(self._classifier)
        self._explainer: Explainer | None = None

    @property
    def classifier(self) -> keras.Model:
        """The network itself."""
        return self._classifier

    def __call__(self, rows: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Logits `(n, classes)` and pooled features `(n, d)` of tiles, or of codes, `(n, h, w, c)`.

        Raises UserError where the logits are no numbers.
        """
        answers = [self._both.predict_on_batch(part) for part in _parts(self._taken(rows))]
        logits, features = (np.concatenate(each).astype(np.float32, copy=False) for each in zip(*answers, strict=True))
        if not np.isfinite(logits).all():
            raise UserError(
                f"{self._path}: the classifier answers with what is no number, so its training has failed; "
                "lower train.learning_rate and train again"
            )
        return logits, features

    def heat_maps(self, rows: NDArray[Any], classes: NDArray[np.integer]) -> NDArray[np.float32]:
        """What spoke for classes `(n,)` (-1: for the likeliest): `(n, h', w')`, 0 or more."""
        if self._explainer is None:
            self._explainer = Explainer(self._classifier)
        rows = self._taken(rows)
        if (classes < 0).any():
            classes = np.where(classes < 0, self(rows)[0].argmax(axis=1), classes)
        parts = zip(_parts(rows), _parts(classes), strict=True)
        return np.concatenate([self._explainer(*part) for part in parts])

    def _taken(self, rows: NDArray[Any]) -> NDArray[Any]:
        return rows.astype(self._classifier.inputs[0].dtype, copy=False)


def _parts(rows: NDArray[Any]) -> list[NDArray[Any]]:
    return [rows[start : start + _BATCH_ROWS] for start in range(0, len(rows), _BATCH_ROWS)]
