"""Gradients of what a network answers by what it is given, for the backends TensorFlow and JAX."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


class Gradient:
    """The gradient of a weighted sum of a network's outputs by the values of its inputs.

    It is compiled when it is first asked for, and again for another number of rows.
    """

    def __init__(self, network: keras.Model) -> None:
        """Take a network of one input, floats `(n, ...)`, and one output; it answers as when it predicts."""
        self._of_sum = _jax(network) if keras.backend.backend() == "jax" else _tensorflow(network)

    def __call__(self, values: NDArray[Any], weights: NDArray[Any]) -> NDArray[np.float32]:
        """The gradient, float32 of the shape of `values`.

        values: the network's input, `(n, ...)`.
        weights: what each output counts in the sum, of a shape that broadcasts to the outputs'.
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
