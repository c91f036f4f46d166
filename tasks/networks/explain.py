"""Where a classifier looked: class-activation maps.

Grad-CAM (Selvaraju et al., arXiv:1610.02391) on logits: a feature map's channels, weighted by how much each speaks for
a class. With global average pooling and a dense layer behind the map that is CAM (Zhou et al., arXiv:1512.04150): its
terms are those of the class's logit.
"""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


class Explainer:
    """Heat maps of a classifier for classes of one's choice."""

    def __init__(self, classifier: keras.Model) -> None:
        """Take a classifier, whose graph is flat; its last feature map is explained."""
        seen = _last_map(classifier)
        self._front = keras.Model(classifier.inputs, seen)
        self._back = keras.Model(seen, classifier.outputs)

    def __call__(self, rows: NDArray[Any], classes: NDArray[np.integer]) -> NDArray[np.float32]:
        """Heat maps for classes `(n,)`: float32 `(n, h', w')`, 0 or more.

        rows: what the classifier takes, `(n, h, w, c)`.
        """
        feature_map = np.asarray(self._front.predict_on_batch(rows), np.float32)
        gradients = self._gradients(feature_map, classes)
        weights = gradients.mean(axis=(1, 2), keepdims=True)
        return np.asarray(np.maximum((weights * feature_map).sum(axis=-1), 0), np.float32)

    def _gradients(self, feature_map: NDArray[np.float32], classes: NDArray[np.integer]) -> NDArray[np.float32]:
        """Of each photo's logit of its class, by the values of its feature map."""
        chosen = np.eye(self._back.output_shape[-1], dtype=np.float32)[classes]
        if keras.backend.backend() == "jax":
            import jax

            weights = self._back.trainable_variables, self._back.non_trainable_variables
            trained, other = ([variable.value for variable in part] for part in weights)

            def spoken_for(values: Any) -> Any:
                logits, _ = self._back.stateless_call(trained, other, values, training=False)
                return (logits * chosen).sum()

            return np.asarray(jax.grad(spoken_for)(feature_map))
        import tensorflow

        values = tensorflow.constant(feature_map)
        with tensorflow.GradientTape() as tape:
            tape.watch(values)
            spoken = tensorflow.reduce_sum(self._back(values, training=False) * chosen)
        return np.asarray(tape.gradient(spoken, values))


def _last_map(classifier: keras.Model) -> keras.KerasTensor:
    """The output of a classifier's layer `features`; where that is a vector, the last feature map before it."""
    layers = classifier.layers
    for layer in reversed(layers[: layers.index(classifier.get_layer("features")) + 1]):
        if len(layer.output.shape) == 4:
            return layer.output
    raise ValueError(f"{classifier.name} has no feature map")
