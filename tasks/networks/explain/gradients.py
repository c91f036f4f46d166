"""Gradients of a network's outputs with respect to its inputs, for the backends TensorFlow and JAX."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


class Gradient:
    """The gradient of a weighted sum of a network's outputs with respect to its inputs.

    It is compiled on its first use, and again for another number of rows.
    """

    def __init__(self, network: keras.Model) -> None:
        """Prepare a network with one input, floats `(n, ...)`, and one output; it runs in inference mode."""
        self._of_sum = _jax(network) if keras.backend.backend() == "jax" else _tensorflow(network)

    def __call__(self, values: NDArray[Any], weights: NDArray[Any]) -> NDArray[np.float32]:
        """Compute the gradient.

        Args:
            values: the network's input, `(n, ...)`.
            weights: the weight of each output in the sum; its shape must broadcast to that of the outputs.

        Returns:
            The gradient, float32, with the shape of `values`.
        """
        floats = (np.asarray(each, np.float32) for each in (values, weights))
        return np.asarray(self._of_sum(*floats), np.float32)


def _tensorflow(network: keras.Model) -> Callable[[Any, Any], Any]:
    import tensorflow

    def gradient(values: Any, weights: Any) -> Any:
        with tensorflow.GradientTape() as tape:
            tape.watch(values)
            outputs = tensorflow.cast(network(values, training=False), tensorflow.float32)
            total = tensorflow.reduce_sum(outputs * weights)
        return tape.gradient(total, values)

    compiled = tensorflow.function(gradient, reduce_retracing=True)
    return lambda values, weights: compiled(tensorflow.constant(values), tensorflow.constant(weights))


def _jax(network: keras.Model) -> Callable[[Any, Any], Any]:
    import jax

    def total(values: Any, weights: Any, trained: Any, other: Any) -> Any:
        outputs, _ = network.stateless_call(trained, other, values, training=False)
        return (outputs.astype("float32") * weights).sum()

    gradient = jax.jit(jax.grad(total))
    parts = network.trainable_variables, network.non_trainable_variables
    return lambda values, weights: gradient(values, weights, *([each.value for each in part] for part in parts))
