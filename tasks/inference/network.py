"""A trained classifier, loaded from its file: logits and features of photos."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tasks.networks.classifier import with_features
from tasks.networks.keras_io import load_artifact, predict
from tasks.store.errors import UserError

_BATCH_ROWS = 64
"""Rows of one call, as in training: VGG16 needs 32 MB for each tile of 224 px."""


class TrainedClassifier:
    """A classifier, loaded from its file."""

    def __init__(self, path: Path) -> None:
        """Load a classifier.keras."""
        self._path = path
        self._classifier = load_artifact(path)
        self._with_features = with_features(self._classifier)

    @property
    def classifier(self) -> keras.Model:
        """The Keras model."""
        return self._classifier

    def __call__(self, rows: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Compute the logits and the pooled features of tiles or codes.

        Args:
            rows: (n, h, w, c).

        Returns:
            Logits (n, classes) and features (n, d).

        Raises:
            UserError: A logit is NaN or infinite.
        """
        outputs = [self._with_features.predict_on_batch(part) for part in batches(self.to_inputs(rows))]
        logits, features = (np.concatenate(each).astype(np.float32, copy=False) for each in zip(*outputs, strict=True))
        return self._checked(logits), features

    def head(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the logits `(n, classes)` of pooled features `(n, d)`.

        Raises:
            UserError: A logit is NaN or infinite.
        """
        model = keras.Model(self._classifier.get_layer("pooled").output, self._classifier.output)
        return self._checked(np.asarray(predict(model, features), np.float32))

    def _checked(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        if not np.isfinite(logits).all():
            raise UserError(
                f"{self._path}: the classifier returns NaN or infinity: its training diverged; "
                "lower train.learning_rate and train again"
            )
        return logits

    def to_inputs(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Cast rows to the dtype of the classifier's input."""
        return rows.astype(self._classifier.inputs[0].dtype, copy=False)


def batches(rows: NDArray[Any]) -> list[NDArray[Any]]:
    """Split rows into batches of the size that the network runs on."""
    return [rows[start : start + _BATCH_ROWS] for start in range(0, len(rows), _BATCH_ROWS)]
