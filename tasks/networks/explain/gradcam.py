"""Class activation maps by Grad-CAM: which parts of an image support a class.

Grad-CAM (Selvaraju et al., arXiv:1610.02391) sums a feature map's channels, weighted by the mean gradient of the
class's logit. With global average pooling and a dense layer after the map, this is CAM (Zhou et al., arXiv:1512.04150).
"""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tasks.networks.explain.gradients import Gradient
from tasks.networks.explain.layers import feature_maps


class Explainer:
    """Computes class activation maps of a classifier."""

    def __init__(self, classifier: keras.Model) -> None:
        """Divide a classifier, whose graph must be flat, at its last feature map."""
        last = feature_maps(classifier)[-1].output
        self._front = keras.Model(classifier.input, last)
        self._back = keras.Model(last, classifier.output)
        self._gradient = Gradient(self._back)

    def __call__(self, rows: NDArray[Any], classes: NDArray[np.integer]) -> NDArray[np.float32]:
        """Compute one map for each row.

        Args:
            rows: inputs of the classifier, `(n, h, w, c)`.
            classes: the class number to explain for each row, `(n,)`.

        Returns:
            Maps, float32 `(n, h', w')`, 0 or more.
        """
        feature_map = np.asarray(self._front.predict_on_batch(rows), np.float32)
        chosen = np.eye(self._back.output_shape[-1], dtype=np.float32)[classes]
        weights = self._gradient(feature_map, chosen).mean(axis=(1, 2), keepdims=True)
        return np.asarray(np.maximum((weights * feature_map).sum(axis=-1), 0), np.float32)
