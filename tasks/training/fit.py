"""Train a network for an objective: resume from a checkpoint, and split batches if memory is too small."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import keras

from tasks.networks import hardware
from tasks.store.progress import Advance
from tasks.training import resumed
from tasks.training.attempt import Attempt
from tasks.training.checkpoint import Arrays, Checkpoint, TrainingState, reset_random_numbers
from tasks.training.errors import DivergedError, TooLargeError
from tasks.training.objective import Objective
from tasks.training.plan import Plan

logger = logging.getLogger("fluke.train")


def fit(
    network: keras.Model,
    objective: Callable[[keras.Model], Objective],
    plan: Plan,
    *,
    checkpoint: Checkpoint,
    advance: Advance,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> TrainingState:
    """Train a network's trainable weights in place until the validation loss stops falling; keep the best.

    Without validation rows the training loss decides. Resumes from an existing checkpoint. If memory is too small for a
    batch, the training starts again with batches split in two and accumulated gradients. If XLA lacks an operation of
    the network, it starts again without XLA.

    Args:
        network: the model to train.
        objective: makes the objective of the network.
        plan: on what, how fast and for how long.
        checkpoint: the file for the training state.
        advance: called with the number of finished epochs.
        callbacks: they are told of the beginning and the end of the training and of each epoch, and of the end of each
            batch, without logs: within an epoch nothing is waited for.

    Returns:
        The state at the end.

    Raises:
        DivergedError: the loss became infinite or NaN. The network then has the weights of the best epoch or, if there
            was none, its initial weights.
        TooLargeError: memory is too small for a single row.
    """
    initial = [keras.ops.convert_to_numpy(variable) for variable in network.variables]
    stored = checkpoint.read()
    split = stored[0].split if stored else plan.split
    if stored:
        resumed.add(stored[0].seconds)
    while True:
        try:
            reset_random_numbers(network)
            return Attempt(objective(network), plan, checkpoint, split).run(stored, advance, callbacks)
        except Exception as error:
            if isinstance(error, DivergedError) and not error.kept:
                _assign(network, initial)
            if hardware.xla_lacks_an_operation(error) and plan.xla != "off":
                logger.warning("%s: XLA can't compile a part of the network, so it isn't used", plan.name)
                plan = replace(plan, xla="off")
                _assign(network, initial)
                continue
            if not hardware.is_out_of_memory(error):
                raise
            if split >= plan.batch_size:
                raise _too_large(plan) from error
            split *= 2
            logger.warning(
                "out of memory for batches of %d: each batch is split into %d parts, and gradients are accumulated",
                plan.batch_size,
                split,
            )
            stored = None
            _assign(network, initial)  # with JAX, variables have no values after an error


def step_seconds(network: keras.Model, objective: Callable[[keras.Model], Objective], plan: Plan) -> float:
    """Measure the time of one optimizer step on this machine; the network keeps its weights.

    The first step, which compiles, is not counted. If memory is too small for a batch, it is split as in `fit`.

    Raises:
        TooLargeError: memory is too small for a single row.
    """
    initial = [keras.ops.convert_to_numpy(variable) for variable in network.variables]
    split = plan.split
    while True:
        try:
            return split * Attempt(objective(network), plan, Checkpoint(Path()), split).step_seconds()
        except Exception as error:
            if hardware.xla_lacks_an_operation(error) and plan.xla != "off":
                plan = replace(plan, xla="off")
            elif not hardware.is_out_of_memory(error):
                raise
            elif split >= plan.batch_size:
                raise _too_large(plan) from error
            else:
                split *= 2
        finally:
            _assign(network, initial)


def _too_large(plan: Plan) -> TooLargeError:
    return TooLargeError(
        f"{plan.section}: out of memory for a single photo of {plan.train.row_shape}; {plan.if_too_large}"
    )


def _assign(network: keras.Model, values: Arrays) -> None:
    for variable, value in zip(network.variables, values, strict=True):
        variable.assign(value)
