"""Class activation maps by Grad-CAM: which parts of an image support a class.

Grad-CAM (Selvaraju et al., arXiv:1610.02391) sums a feature map's channels, weighted by the mean gradient of the
class's logit. With global average pooling and a dense layer after the map, this is CAM (Zhou et al., arXiv:1512.04150).
"""

from contextlib import suppress
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tasks.networks.explain.gradients import Gradient
from tasks.networks.explain.layers import feature_maps
from tasks.networks.forward import Forward


def with_map(classifier: keras.Model) -> keras.Model:
    """Return a model with all that is asked of a classifier, so that it is computed, and compiled, once.

    Args:
        classifier: a classifier, whose graph must be flat.

    Returns:
        A model from the classifier's inputs to a list: logits `(n, classes)`, pooled features `(n, d)` and, unless the
        network has none, its last feature map `(n, h, w, c)`.
    """
    outputs = [classifier.output, classifier.get_layer("pooled").output]
    with suppress(ValueError):  # a classifier of vectors has none
        outputs.append(feature_maps(classifier)[-1].output)
    return keras.Model(classifier.input, outputs)


class Explainer:
    """Computes class activation maps of a classifier."""

    def __init__(self, classifier: keras.Model, forward: Forward | None = None) -> None:
        """Prepare a classifier.

        Args:
            classifier: the classifier.
            forward: of its `with_map`, if that is already computed for something else.

        Raises:
            ValueError: it has no feature map.
        """
        last = feature_maps(classifier)[-1].output
        self._forward = forward or Forward(with_map(classifier))
        self._gradient = Gradient(keras.Model(last, classifier.output))

    def __call__(self, rows: NDArray[Any], classes: NDArray[np.integer]) -> NDArray[np.float32]:
        """Compute one map for each row.

        Args:
            rows: inputs of the classifier, `(n, h, w, c)`.
            classes: the class number to explain for each row, `(n,)`; -1 for the one with the highest logit.

        Returns:
            Maps, float32 `(n, h', w')`, 0 or more.
        """
        maps, start = [], 0
        for count, outputs in self._forward(rows):
            logits, feature_map = (np.asarray(keras.ops.convert_to_numpy(outputs[i]), np.float32) for i in (0, 2))
            explained = np.zeros(len(logits), np.int64)  # rows that only fill up the batch have a class, too
            explained[:count] = classes[start : start + count]
            explained = np.where(explained < 0, logits.argmax(axis=1), explained)
            chosen = np.eye(logits.shape[1], dtype=np.float32)[explained]
            weights = self._gradient(feature_map, chosen).mean(axis=(1, 2), keepdims=True)
            maps.append(np.maximum((weights * feature_map).sum(axis=-1), 0)[:count])
            start += count
        return np.concatenate(maps).astype(np.float32, copy=False)
