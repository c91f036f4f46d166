"""A trained classifier, loaded from its file: logits and features of photos."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tasks.networks.explain.gradcam import with_map
from tasks.networks.forward import Forward
from tasks.networks.keras_io import load_to_predict
from tasks.store.errors import UserError


class TrainedClassifier:
    """A classifier, loaded from its file. What it computes for photos also serves heat maps (`forward`)."""

    def __init__(self, path: Path, total_rows: int | None = None) -> None:
        """Load a classifier.keras; for `total_rows`, see `Forward`."""
        self._path = path
        self._classifier = load_to_predict(path)
        self.forward = Forward(with_map(self._classifier), total_rows)

    @staticmethod
    def shared(path: Path, total_rows: int | None = None, *, waits_for_each: bool = False) -> "TrainedClassifier":
        """Return a classifier that this process may have loaded and compiled before, from the same unchanged file.

        For `total_rows` and `waits_for_each`, see `Forward.expect`.
        """
        file = path.stat()
        found = _loaded(path, file.st_mtime_ns, file.st_size, file.st_ino)
        found.forward.expect(total_rows, waits_for_each=waits_for_each)
        return found

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
        found = [
            [np.asarray(keras.ops.convert_to_numpy(output)[:count], np.float32) for output in outputs[:2]]
            for count, outputs in self.forward(self.to_inputs(rows))
        ]
        logits, features = (np.concatenate(each) for each in zip(*found, strict=True))
        return self._checked(logits), features

    def head(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the logits `(n, classes)` of pooled features `(n, d)`.

        Raises:
            UserError: A logit is NaN or infinite.
        """
        head = Forward(keras.Model(self._classifier.get_layer("pooled").output, self._classifier.output), total_rows=0)
        logits = [keras.ops.convert_to_numpy(output)[:count] for count, output in head(features)]
        return self._checked(np.concatenate(logits).astype(np.float32, copy=False))

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


@lru_cache(maxsize=1)
def _loaded(path: Path, *_version: int) -> TrainedClassifier:
    return TrainedClassifier(path)
