"""One attempt at a training, with each batch split into a number of parts: its epochs and its validation."""

import logging
import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from tasks.networks import hardware
from tasks.store.progress import Advance
from tasks.training.batches import Batch, make_batches
from tasks.training.bookkeeping import Bookkeeping
from tasks.training.checkpoint import Arrays, Checkpoint, TrainingState, read_variables, restore_variables
from tasks.training.errors import DivergedError
from tasks.training.feed import Feed, fits
from tasks.training.objective import Objective
from tasks.training.plan import Plan

CHECK_EVERY = 8
"""Calls of the compiled step between two checks of the loss. A check looks at the loss of the check before, which the
device has computed by then, so that it waits for nothing; and so that no more than twice as many batches wait there."""
_STEPS_PER_CALL = 16
_SMALL_PARAMETERS = 2_000_000
_TIMED_STEPS = 3

logger = logging.getLogger("fluke.train")


class Attempt:
    """One attempt at a training."""

    def __init__(self, objective: Objective, plan: Plan, checkpoint: Checkpoint, split: int) -> None:
        """Compile nothing yet; `split` is the number of parts of each batch."""
        self._objective, self._plan, self._checkpoint, self.split = objective, plan, checkpoint, split
        compiled = hardware.uses_xla(plan)
        devices = hardware.num_replicas()
        self._size = math.ceil(min(math.ceil(plan.batch_size / split), len(plan.train.rows)) / devices) * devices
        self._multiple = self._size if compiled else devices
        steps = math.ceil(len(plan.train.rows) / self._size)
        optimizer = plan.make_optimizer(steps, split, objective.trainable_variables)
        objective.optimizer = optimizer
        self._steps = _make_steps(objective, optimizer, compiled=compiled)
        parts = [plan.train, *([plan.val] if plan.val else [])]
        resident = split == 1 and fits(*parts)
        many = _STEPS_PER_CALL if _takes_microseconds(objective, plan) else 1
        feeds = [Feed(part, self._steps, resident=resident, steps_per_call=many) for part in parts]
        self._train_feed, self._val_feed = feeds[0], feeds[1] if plan.val else None

    def run(
        self,
        stored: tuple[TrainingState, Arrays] | None,
        advance: Advance,
        callbacks: Sequence[keras.callbacks.Callback],
    ) -> TrainingState:
        """Train, starting from a checkpoint's content if given; see `fit`."""
        plan, objective = self._plan, self._objective
        best_loss = plan.best_loss if plan.val else math.inf
        state = stored[0] if stored else TrainingState(best_loss=best_loss, split=self.split)
        before = objective.network.get_weights()
        if not state.ended:
            books = Bookkeeping(state, plan, self._checkpoint, advance)
            if stored:
                restore_variables(objective, stored[1])
                logger.info("%s: continues after epoch %d", plan.name, state.epochs)
                advance(state.epochs)
            try:
                self._run_epochs(books, callbacks)
            except DivergedError as error:
                if error.kept:
                    objective.network.set_weights(state.best)
                raise
            books.end()
        objective.network.set_weights(state.best or before)
        return state

    def step_seconds(self) -> float:
        """Measure the seconds of an optimizer step, after one that compiles."""
        first = make_batches(self._plan.order(0), self._size, self._multiple)[:1]
        self._steps.begin()
        float(np.asarray(self._take(first))[0])
        began = time.monotonic()
        for _ in range(_TIMED_STEPS):
            totals = self._take(first)
        float(np.asarray(totals)[0])
        self._steps.end()
        return (time.monotonic() - began) / _TIMED_STEPS

    def _take(self, batches: list[Batch]) -> Any:
        totals = self._steps.totals()
        for chunk in self._train_feed.chunks(batches):
            totals = self._steps.train(self._train_feed, chunk, totals)
        return totals

    def _run_epochs(self, books: Bookkeeping, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        objective, plan, state = self._objective, self._plan, books.state
        averages = keras.callbacks.SwapEMAWeights() if plan.averages_weights else None
        for callback in (*callbacks, *([averages] if averages else [])):
            callback.set_model(objective)
        for callback in callbacks:
            callback.on_train_begin()
        while state.epochs < plan.epochs and not state.ended:
            for callback in callbacks:
                callback.on_epoch_begin(state.epochs)
            values = self._train_epoch(books, callbacks)
            rate = float(keras.ops.convert_to_numpy(objective.optimizer.learning_rate))
            with _swapped(averages):
                if self._val_feed:
                    values |= {f"val_{name}": value for name, value in self._validate(self._val_feed).items()}
                best = objective.network.get_weights() if books.improves(values) else None
            books.add(values | {"learning_rate": rate}, best, lambda: read_variables(objective))
            for callback in callbacks:
                callback.on_epoch_end(state.epochs - 1, values | {"learning_rate": rate})
        for callback in callbacks:
            callback.on_train_end()

    def _train_epoch(self, books: Bookkeeping, callbacks: Sequence[keras.callbacks.Callback]) -> dict[str, float]:
        batches = make_batches(self._plan.order(books.state.epochs), self._size, self._multiple)
        self._steps.begin()
        totals, step = self._steps.totals(), 0
        waiting: deque[tuple[int, Any]] = deque()
        for call, chunk in enumerate(self._train_feed.chunks(batches)):
            totals = self._steps.train(self._train_feed, chunk, totals)
            step += chunk.steps
            for callback in callbacks:
                callback.on_train_batch_end(step - 1)
            if call % CHECK_EVERY == 0:
                waiting.append((step, totals))
            if len(waiting) > 1:
                self._check(books, *waiting.popleft())
        while waiting:
            self._check(books, *waiting.popleft())
        self._steps.end()
        values = self._means(totals)
        books.check(values["loss"])
        return values

    def _check(self, books: Bookkeeping, step: int, totals: Any) -> None:
        try:
            books.check(self._means(totals)["loss"], step)
        except DivergedError:
            self._steps.end()  # with JAX, the variables have no values before
            raise

    def _validate(self, feed: Feed) -> dict[str, float]:
        self._steps.begin()
        totals = self._steps.totals()
        for chunk in feed.chunks(make_batches(np.arange(len(feed)), self._size, self._multiple)):
            totals = self._steps.validate(feed, chunk, totals)
        return self._means(totals)

    def _means(self, totals: Any) -> dict[str, float]:
        count, *sums = np.asarray(keras.ops.convert_to_numpy(totals), np.float64).tolist()
        return {name: total / count for name, total in zip(self._objective.measured, sums, strict=True)}


def _make_steps(objective: Objective, optimizer: keras.optimizers.Optimizer, *, compiled: bool) -> Any:
    if keras.backend.backend() == "jax":
        from tasks.training.jax_steps import JaxSteps

        return JaxSteps(objective, optimizer)
    from tasks.training.tensorflow_steps import TensorFlowSteps

    return TensorFlowSteps(objective, optimizer, compiled=compiled)


def _takes_microseconds(objective: Objective, plan: Plan) -> bool:
    """Return whether a step takes so little time that calling it costs as much: then a call takes several steps."""
    small = objective.network.count_params() <= _SMALL_PARAMETERS
    return small and (hardware.gpu_count() > 0 or len(plan.train.row_shape) == 1)


@contextmanager
def _swapped(averages: keras.callbacks.SwapEMAWeights | None) -> Iterator[None]:
    """Enter a context in which the weights are their averages, if there are any."""
    if averages:
        averages.on_test_begin()
    yield
    if averages:
        averages.on_test_end()
