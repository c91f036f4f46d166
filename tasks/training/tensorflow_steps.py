"""Steps as TensorFlow functions: variables are changed in place, on one device or on copies on several."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow

from tasks.training.batches import Chunk
from tasks.training.feed import Feed
from tasks.training.objective import Objective


class TensorFlowSteps:
    """Trains and validates an objective."""

    def __init__(self, objective: Objective, optimizer: keras.optimizers.Optimizer, *, compiled: bool) -> None:
        """Prepare the steps; with `compiled`, XLA compiles them."""
        self._objective, self._optimizer, self._compiled = objective, optimizer, compiled
        self._strategy = tensorflow.distribute.get_strategy()
        self._replicas = self._strategy.num_replicas_in_sync
        self._functions: dict[tuple[bool, int], Any] = {}

    def put(self, array: Any) -> Any:
        """Copy an array to the device, or to all of them."""
        return tensorflow.convert_to_tensor(array)

    def put_chunk(self, chunk: Chunk) -> Chunk:
        """Copy a chunk to the device; if there are several, each gets an equal part of every batch."""
        rows = None if chunk.rows is None else self._divided(chunk.rows, axis=0)
        return Chunk(self._divided(chunk.numbers, axis=1), self._divided(chunk.shares, axis=1), chunk.steps, rows)

    def begin(self) -> None:
        """Do nothing: the variables have the state."""

    def end(self) -> None:
        """Do nothing: the variables have the state."""

    def totals(self) -> Any:
        """Return the sums before the first step: of the rows, and of each value that is measured."""
        return tensorflow.zeros(1 + len(self._objective.measured))

    def train(self, feed: Feed, chunk: Chunk, totals: Any) -> Any:
        """Take the steps of a chunk; return the sums with its rows in them."""
        return self._call(self._train_once, feed, chunk, totals)

    def validate(self, feed: Feed, chunk: Chunk, totals: Any) -> Any:
        """Measure the rows of a chunk; return the sums with them."""
        return self._call(self._validate_once, feed, chunk, totals)

    def _call(self, once: Callable[..., Any], feed: Feed, chunk: Chunk, totals: Any) -> Any:
        key = (once == self._train_once, id(feed))
        if key not in self._functions:
            self._functions[key] = self._function(once, feed, chunk)
        rows = feed.rows if chunk.rows is None else chunk.rows
        data = (rows, feed.labels, chunk.numbers, chunk.shares)
        return self._functions[key](totals, data, tensorflow.constant(chunk.steps))

    def _function(self, once: Callable[..., Any], feed: Feed, chunk: Chunk) -> Any:
        """Make the function for a feed; `chunk` is its first."""
        gathered = chunk.rows is None

        def step(data: Any, i: Any) -> Any:
            rows, labels, numbers, shares = data
            chosen = numbers[i]
            batch = {name: tensorflow.gather(values, chosen) for name, values in labels.items()}
            batch["rows"] = tensorflow.gather(rows, chosen) if gathered else rows
            return once(batch, shares[i])

        if self._compiled:
            step = tensorflow.function(step, jit_compile=True, autograph=False)

        def repeat(totals: Any, data: Any, steps: Any) -> Any:
            def body(i: Any, totals: Any) -> Any:
                sums = self._strategy.run(step, args=(data, i))
                return i + 1, totals + self._strategy.reduce("SUM", sums, axis=None)

            if feed.steps_per_call == 1:
                return body(tensorflow.constant(0), totals)[1]
            return tensorflow.while_loop(lambda i, _: i < steps, body, (tensorflow.constant(0), totals))[1]

        signature = None
        if not self._compiled and self._replicas == 1:  # a smaller last batch is no reason to trace the network again
            signature = self._signature(feed, chunk)
        return tensorflow.function(repeat, input_signature=signature, autograph=False, reduce_retracing=True)

    def _signature(self, feed: Feed, chunk: Chunk) -> list[Any]:
        spec = tensorflow.TensorSpec
        rows: Any = feed.rows if chunk.rows is None else chunk.rows
        labels = {name: spec([None, *values.shape[1:]], values.dtype) for name, values in feed.labels.items()}
        numbers, shares = spec([None, None], "int32"), spec([None, None], "float32")
        data = (spec([None, *rows.shape[1:]], rows.dtype), labels, numbers, shares)
        return [spec([1 + len(self._objective.measured)], "float32"), data, spec([], "int32")]

    def _train_once(self, batch: dict[str, Any], shares: Any) -> Any:
        variables = self._objective.trainable_variables
        with tensorflow.GradientTape() as tape:
            values = self._objective(batch, training=True)
            loss = self._optimizer.scale_loss(tensorflow.reduce_sum(values["loss"] * shares))
        self._optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return self._sums(values, shares)

    def _validate_once(self, batch: dict[str, Any], shares: Any) -> Any:
        return self._sums(self._objective(batch, training=False), shares)

    def _sums(self, values: dict[str, Any], shares: Any) -> Any:
        counted = tensorflow.cast(shares > 0, "float32")
        measured = [tensorflow.reduce_sum(values[name] * counted) for name in self._objective.measured]
        return tensorflow.stack([tensorflow.reduce_sum(counted), *measured])

    def _divided(self, array: Any, axis: int) -> Any:
        if self._replicas == 1:
            return tensorflow.convert_to_tensor(array)
        parts = np.split(np.asarray(array), self._replicas, axis=axis)
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: tensorflow.convert_to_tensor(parts[context.replica_id_in_sync_group])
        )
