"""The compiled training step of a network alone, on one batch that stays on the device."""

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from tasks.networks import hardware
from tasks.training.objective import Objective
from tasks.training.plan import Plan

_SECONDS = 3.0
"""How long steps are measured at least."""


def seconds_per_step(network: keras.Model, objective: Callable[[keras.Model], Objective], plan: Plan) -> float:
    """Measure the seconds of a step, after two that compile."""
    made = objective(network)
    optimizer = plan.make_optimizer(1000, 1, made.trainable_variables)
    chosen = np.arange(min(plan.batch_size, len(plan.train.rows)))
    batch = {name: ops.convert_to_tensor(values[chosen]) for name, values in plan.train.labels.items()}
    batch["rows"] = ops.convert_to_tensor(plan.train.rows[chosen])
    make = _jax_step if keras.backend.backend() == "jax" else _tensorflow_step
    step, ready = make(made, optimizer, batch, compiled=hardware.uses_xla(plan) and made.supports_jit)
    for _ in range(2):
        step()
    ready()
    steps, began = 0, time.perf_counter()
    while time.perf_counter() - began < _SECONDS:
        for _ in range(8):
            step()
        steps += 8
        ready()
    return (time.perf_counter() - began) / steps


def _tensorflow_step(made: Objective, optimizer: Any, batch: dict[str, Any], *, compiled: bool) -> tuple[Any, Any]:
    import tensorflow

    variables = made.trainable_variables

    def once(batch: dict[str, Any]) -> Any:
        with tensorflow.GradientTape() as tape:
            loss = tensorflow.reduce_mean(made(batch, training=True)["loss"])
            scaled = optimizer.scale_loss(loss)
        optimizer.apply_gradients(zip(tape.gradient(scaled, variables), variables, strict=True))
        return loss

    function = tensorflow.function(once, jit_compile=compiled, autograph=False)
    last: list[Any] = [None]

    def step() -> None:
        last[0] = function(batch)

    return step, lambda: float(last[0])


def _jax_step(made: Objective, optimizer: Any, batch: dict[str, Any], *, compiled: bool) -> tuple[Any, Any]:
    import jax

    def loss_of(trainable: list[Any], others: list[Any], batch: dict[str, Any]) -> Any:
        values, changed = made.stateless_call(trainable, others, batch, training=True)
        return ops.mean(values["loss"]), changed

    def once(state: Any, batch: dict[str, Any]) -> Any:
        trainable, others, own = state
        gradients, others = jax.grad(loss_of, has_aux=True)(trainable, others, batch)
        trainable, own = optimizer.stateless_apply(own, gradients, trainable)
        return list(trainable), list(others), list(own)

    parts = (made.trainable_variables, made.non_trainable_variables, optimizer.variables)
    function = jax.jit(once)
    state: list[Any] = [tuple([variable.value for variable in part] for part in parts)]

    def step() -> None:
        state[0] = function(state[0], batch)

    return step, lambda: jax.block_until_ready(state[0])
