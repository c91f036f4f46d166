"""The bookkeeping of a training after each epoch: history, best weights, checkpoint, early stopping."""

import logging
import math
import time
from collections.abc import Callable

from tasks.store.progress import Advance
from tasks.training.checkpoint import Arrays, Checkpoint, TrainingState
from tasks.training.errors import DivergedError
from tasks.training.plan import Plan

WRITING_SHARE = 0.01
"""Largest share of the time that is spent on writing checkpoints."""

epochs_logger = logging.getLogger("fluke.epochs")


class Bookkeeping:
    """The state of a training, updated after each epoch."""

    def __init__(self, state: TrainingState, plan: Plan, checkpoint: Checkpoint, advance: Advance) -> None:
        """Take what is updated, written and told.

        Args:
            state: updated in place.
            plan: how long the training may take, and what decides.
            checkpoint: where the state is written.
            advance: called with 1 after each epoch.
        """
        self.state = state
        self._plan, self._checkpoint, self._advance = plan, checkpoint, advance
        self._decides = "val_loss" if plan.val else "loss"
        self._written_at, self._writing_s = -math.inf, 0.0
        self._counted_at = time.monotonic()

    def improves(self, values: dict[str, float]) -> bool:
        """Return whether the weights of an epoch with these values are to be kept."""
        return bool(self._plan.stop_after) or values[self._decides] < self.state.best_loss

    def add(self, values: dict[str, float], best: Arrays | None, variables: Callable[[], Arrays]) -> None:
        """Add an epoch; set `state.ended` if it was the last one.

        Args:
            values: what was measured, by name.
            best: the network's weights if they are the best so far.
            variables: copies the values that the next step depends on.
        """
        state, plan = self.state, self._plan
        for name, value in values.items():
            state.history.setdefault(name, []).append(value)
        state.epochs += 1
        self._count_seconds()
        if best is not None:
            state.best_loss, state.best_epoch, state.best = values[self._decides], state.epochs, best
        self._log(values)
        self._advance(1)
        # set before the write, so that a kill changes nothing
        if plan.stop_after:
            state.ended = state.epochs >= plan.stop_after
        else:
            state.ended = state.epochs_since_best >= plan.patience
        self._write(variables)

    def check(self, loss: float, step: int | None = None) -> None:
        """Check the loss after some step of the present epoch, or at its end.

        Raises:
            DivergedError: it is infinite or NaN.
        """
        if math.isfinite(loss):
            return
        rate, where = self._plan.learning_rate, "" if step is None else f"step {step} of "
        raise DivergedError(
            f"{self._plan.section}.learning_rate: at {rate:g} the loss became {loss} in {where}epoch "
            f"{self.state.epochs + 1}; try {rate / 10:g}",
            kept=bool(self.state.best),
        )

    def end(self) -> None:
        """Mark the training as ended; its variables are not needed any more."""
        self.state.ended = True
        self._count_seconds()
        self._checkpoint.write(self.state, [])

    def _count_seconds(self) -> None:
        now = time.monotonic()
        self.state.seconds += now - self._counted_at
        self._counted_at = now

    def _write(self, variables: Callable[[], Arrays]) -> None:
        """Write a checkpoint, unless that would take more than its share of the time."""
        began = time.monotonic()
        if began - self._written_at >= self._writing_s / WRITING_SHARE:
            self._checkpoint.write(self.state, variables())
            self._written_at = time.monotonic()
            self._writing_s = self._written_at - began

    def _log(self, values: dict[str, float]) -> None:
        numbers = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in values.items())
        best = ", the best so far" if self.state.best_epoch == self.state.epochs else ""
        epochs_logger.info("%s %d/%d: %s%s", self._plan.name, self.state.epochs, self._plan.epochs, numbers, best)
