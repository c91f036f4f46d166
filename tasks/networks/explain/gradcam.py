"""Where a classifier looked: class-activation maps.

Grad-CAM (Selvaraju et al., arXiv:1610.02391) on logits: a feature map's channels, weighted by how much each speaks for
a class. With global average pooling and a dense layer behind the map that is CAM (Zhou et al., arXiv:1512.04150): its
terms are those of the class's logit.
"""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tasks.networks.explain.gradients import Gradient
from tasks.networks.explain.layers import feature_maps


class Explainer:
    """Heat maps of a classifier for classes of one's choice."""

    def __init__(self, classifier: keras.Model) -> None:
        """Take a classifier, whose graph is flat; its last feature map is explained."""
        seen = feature_maps(classifier)[-1].output
        self._front = keras.Model(classifier.input, seen)
        self._back = keras.Model(seen, classifier.output)
        self._gradient = Gradient(self._back)

    def __call__(self, rows: NDArray[Any], classes: NDArray[np.integer]) -> NDArray[np.float32]:
        """Heat maps for classes `(n,)`: float32 `(n, h', w')`, 0 or more.

        rows: what the classifier takes, `(n, h, w, c)`.
        """
        feature_map = np.asarray(self._front.predict_on_batch(rows), np.float32)
        chosen = np.eye(self._back.output_shape[-1], dtype=np.float32)[classes]
        weights = self._gradient(feature_map, chosen).mean(axis=(1, 2), keepdims=True)
        return np.asarray(np.maximum((weights * feature_map).sum(axis=-1), 0), np.float32)
