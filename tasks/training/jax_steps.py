"""Steps that JAX compiles: the state is an argument, whose memory is reused; the rows on the device are another one."""

from typing import Any

import jax
import keras
from jax import numpy as jnp

from tasks.training.batches import Chunk
from tasks.training.feed import Feed
from tasks.training.objective import Objective

State = tuple[list[Any], list[Any], list[Any]]
"""Trainable variables, other variables, and the optimizer's."""


class JaxSteps:
    """Trains and validates an objective. In an epoch its variables have no values; `end` gives them back."""

    def __init__(self, objective: Objective, optimizer: keras.optimizers.Optimizer) -> None:
        """Prepare the steps."""
        self._objective, self._optimizer = objective, optimizer
        self._state: State = ([], [], [])
        self._train = jax.jit(self._train_chunk, donate_argnums=0, static_argnames=("several", "gathered"))
        self._validate = jax.jit(self._validate_chunk, static_argnames=("several", "gathered"))
        distribution = keras.distribution.distribution()
        self._mesh = distribution.device_mesh if distribution else None

    def put(self, array: Any) -> Any:
        """Copy an array to the device, or to all of them."""
        return self._placed(array, [None] * array.ndim)

    def put_chunk(self, chunk: Chunk) -> Chunk:
        """Copy a chunk to the device; if there are several, each gets an equal part of every batch."""
        rows = None
        if chunk.rows is not None:
            rows = self._placed(chunk.rows, ["batch", *[None] * (chunk.rows.ndim - 1)])
        numbers, shares = (self._placed(each, [None, "batch"]) for each in (chunk.numbers, chunk.shares))
        return Chunk(numbers, shares, chunk.steps, rows)

    def begin(self) -> None:
        """Take the values of the variables."""
        trainable, others, own = ([variable.value for variable in part] for part in self._variables)
        self._state = (trainable, others, own)

    def end(self) -> None:
        """Give the variables their new values."""
        for variables, values in zip(self._variables, self._state, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        self._state = ([], [], [])

    @property
    def _variables(self) -> State:
        objective = self._objective
        return objective.trainable_variables, objective.non_trainable_variables, self._optimizer.variables

    def totals(self) -> Any:
        """Return the sums before the first step: of the rows, and of each value that is measured."""
        return self.put(jnp.zeros(1 + len(self._objective.measured), jnp.float32))

    def train(self, feed: Feed, chunk: Chunk, totals: Any) -> Any:
        """Take the steps of a chunk; return the sums with its rows in them."""
        self._state, totals = self._call(self._train, feed, chunk, totals)
        return totals

    def validate(self, feed: Feed, chunk: Chunk, totals: Any) -> Any:
        """Measure the rows of a chunk; return the sums with them."""
        return self._call(self._validate, feed, chunk, totals)

    def _call(self, compiled: Any, feed: Feed, chunk: Chunk, totals: Any) -> Any:
        gathered = chunk.rows is None
        data = (feed.rows if gathered else chunk.rows, feed.labels, chunk.numbers, chunk.shares, chunk.steps)
        return compiled(self._state, totals, data, several=feed.steps_per_call > 1, gathered=gathered)

    def _train_chunk(self, state: State, totals: Any, data: Any, *, several: bool, gathered: bool) -> tuple[State, Any]:
        return _repeat(self._train_once, state, totals, data, several=several, gathered=gathered)

    def _validate_chunk(self, state: State, totals: Any, data: Any, *, several: bool, gathered: bool) -> Any:
        def once(nothing: tuple[()], batch: dict[str, Any], shares: Any) -> tuple[tuple[()], Any]:
            values, _ = self._objective.stateless_call(state[0], state[1], batch, training=False)
            return nothing, self._sums(values, shares)

        return _repeat(once, (), totals, data, several=several, gathered=gathered)[1]

    def _train_once(self, state: State, batch: dict[str, Any], shares: Any) -> tuple[State, Any]:
        trainable, others, own = state

        def loss_of(trainable: list[Any]) -> tuple[Any, Any]:
            values, changed = self._objective.stateless_call(trainable, others, batch, training=True)
            with keras.StatelessScope(state_mapping=list(zip(self._optimizer.variables, own, strict=True))):
                loss = self._optimizer.scale_loss(jnp.sum(values["loss"] * shares))
            return loss, (values, changed)

        gradients, (values, others) = jax.grad(loss_of, has_aux=True)(trainable)
        trainable, own = self._optimizer.stateless_apply(own, gradients, trainable)
        return (list(trainable), list(others), list(own)), self._sums(values, shares)

    def _sums(self, values: dict[str, Any], shares: Any) -> Any:
        counted = (shares > 0).astype(jnp.float32)
        return jnp.stack([jnp.sum(counted)] + [jnp.sum(values[name] * counted) for name in self._objective.measured])

    def _placed(self, array: Any, axes: list[str | None]) -> Any:
        if self._mesh is None:
            return jax.device_put(array)
        return keras.distribution.distribute_tensor(array, keras.distribution.TensorLayout(axes, self._mesh))


def _repeat(once: Any, state: Any, totals: Any, data: Any, *, several: bool, gathered: bool) -> tuple[Any, Any]:
    """Take the first steps of a chunk.

    Args:
        once: takes a state, a batch and its shares; returns the new state and the sums.
        state: before the first step.
        totals: before the first step.
        data: rows, labels, numbers and shares of the batches, and the number of steps.
        several: whether there can be more than one step.
        gathered: whether the rows of a batch are chosen from `rows`; else they are `rows`.
    """
    rows, labels, numbers, shares, steps = data

    def body(i: Any, carry: tuple[Any, Any]) -> tuple[Any, Any]:
        state, totals = carry
        chosen = numbers[i]
        batch = {name: jnp.take(values, chosen, axis=0) for name, values in labels.items()}
        batch["rows"] = jnp.take(rows, chosen, axis=0) if gathered else rows
        state, sums = once(state, batch, shares[i])
        return state, totals + sums

    found: tuple[Any, Any] = jax.lax.fori_loop(0, steps, body, (state, totals)) if several else body(0, (state, totals))
    return found
