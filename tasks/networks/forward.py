"""The forward pass of a trained network: compiled at most once, on batches of one shape."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

BATCH_ROWS = 64
"""Rows of one call, as in training: VGG16 needs 32 MB for each tile of 224 px."""
EAGER_ROWS = 16
"""Up to so many rows, TensorFlow computes operation by operation: to compile EfficientNet-Lite0 takes 0.4 s. Compiled,
it computes 64 rows in half the time and in 0.6 GB instead of 5 GB, because the outputs of its layers are not kept. JAX
always compiles, because alone, each operation would be compiled."""
_LEAST_ROWS = 2
"""With a batch of one row, some kernels round differently than in training."""


class Forward:
    """A network in inference mode; one compilation serves all of its outputs and all of its calls.

    Batches are filled up with zeros, so that the last one has the shape of the others. That compiles nothing anew, and
    a result does not depend on which other rows are predicted with it, because a backend chooses its kernels by the
    batch size.
    """

    def __init__(self, network: keras.Model, total_rows: int | None = None) -> None:
        """Prepare a network.

        Args:
            network: a model with one input and one or more outputs.
            total_rows: see `expect`.
        """
        self._network = network
        self._compiled: Callable[[NDArray[Any]], Any] | None = None
        self._compiled_rows: set[int] = set()
        self.expect(total_rows)

    def expect(self, total_rows: int | None, *, waits_for_each: bool = False) -> None:
        """Set how many rows the next calls will compute together; None: any number.

        It decides whether they are worth compiling for, and how many rows a batch has.

        Args:
            total_rows: That number.
            waits_for_each: Whether somebody waits for each call, so that a call of few rows must not take as long as a
                full batch. Then batches are not filled up (by JAX only to a power of two), and results may depend on
                the number of rows by rounding.
        """
        self._total_rows = math.inf if total_rows is None else total_rows
        self._waits_for_each = waits_for_each

    def __call__(self, rows: NDArray[Any]) -> Iterator[tuple[int, Any]]:
        """Compute the outputs, batch by batch.

        Args:
            rows: `(n, ...)`.

        Yields:
            The number of rows of the batch, and the network's outputs for at least so many rows: tensors of the
            backend, `(m, ...)` with m >= n, as one tensor or a list, like the network's.
        """
        call, size = self._function(), self._batch_rows(len(rows))
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            yield len(part), call(fill_up(part, size))

    def _batch_rows(self, in_call: int) -> int:
        """Return the rows of a batch, a power of two: enough for all, or those that are compiled already."""
        is_jax = keras.backend.backend() == "jax"  # it compiles for each number of rows
        if self._waits_for_each and not is_jax:
            return min(max(1, in_call), BATCH_ROWS)
        size = _LEAST_ROWS
        while size < min(in_call if self._waits_for_each else self._total_rows, BATCH_ROWS):
            size *= 2
        if is_jax:
            size = min((rows for rows in self._compiled_rows if rows >= size), default=size)
            self._compiled_rows.add(size)
        return size

    def _function(self) -> Callable[[NDArray[Any]], Any]:
        is_jax = keras.backend.backend() == "jax"
        if not is_jax and self._total_rows <= EAGER_ROWS:
            return partial(_run_eagerly, self._network)
        if self._compiled is None:
            self._compiled = (_compiled_by_jax if is_jax else _compiled_by_tensorflow)(self._network)
        return self._compiled


def fill_up(rows: NDArray[Any], count: int) -> NDArray[Any]:
    """Append rows of zeros until there are `count`; as many rows are returned unchanged."""
    if len(rows) == count:
        return rows
    filled = np.zeros((count, *rows.shape[1:]), rows.dtype)
    filled[: len(rows)] = rows
    return filled


def _run_eagerly(network: keras.Model, rows: NDArray[Any]) -> Any:
    return network(keras.ops.convert_to_tensor(rows), training=False)


def _compiled_by_tensorflow(network: keras.Model) -> Callable[[NDArray[Any]], Any]:
    import tensorflow

    tensor = network.inputs[0]
    signature = [tensorflow.TensorSpec((None, *tensor.shape[1:]), tensor.dtype)]  # any number of rows
    compiled = tensorflow.function(partial(network, training=False), input_signature=signature)
    return lambda rows: compiled(tensorflow.constant(rows, tensor.dtype))


def _compiled_by_jax(network: keras.Model) -> Callable[[NDArray[Any]], Any]:
    import jax

    def call(trained: Any, other: Any, rows: Any) -> Any:
        return network.stateless_call(trained, other, rows, training=False)[0]

    compiled = jax.jit(call)
    parts = network.trainable_variables, network.non_trainable_variables
    return lambda rows: compiled(*([each.value for each in part] for part in parts), rows)
