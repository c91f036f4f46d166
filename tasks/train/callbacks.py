"""Callbacks of a training: best weights and checkpoints, TensorBoard, MLflow."""

import logging
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from tasks.store.errors import UserError
from tasks.store.progress import Advance
from tasks.train.checkpoint import Arrays, Checkpoint, TrainingState, read_variables
from tasks.train.errors import DivergedError

MLFLOW = "MLFLOW_TRACKING_URI"
"""MLflow's own variable. It is not a setting, because a change of it must not start the training again."""
WRITING_SHARE = 0.01
"""Largest share of the time that is spent on writing checkpoints."""
_CHECK_EVERY_BATCHES = 20

logger = logging.getLogger("fluke.train")
epochs_logger = logging.getLogger("fluke.epochs")


class BestWeightsCallback(keras.callbacks.Callback):
    """After each epoch: updates the training state, keeps the best weights, writes a checkpoint, and may stop."""

    def __init__(
        self,
        state: TrainingState,
        checkpoint: Checkpoint,
        *,
        name: str,
        epochs: int,
        learning_rate: float,
        patience: int,
        validated: bool,
        advance: Advance,
        stop_after: int | None = None,
    ) -> None:
        """Configure the callback.

        Args:
            state: updated in place.
            checkpoint: where the state is written.
            name: the phase, for log messages.
            epochs: the largest number of epochs.
            learning_rate: the peak, for error messages.
            patience: epochs without a lower loss after which the training stops.
            validated: compare validation losses; otherwise training losses.
            advance: called with 1 after each epoch.
            stop_after: epochs after which the training stops and the last weights are kept; None: the loss decides.
        """
        super().__init__()
        self._state, self._checkpoint, self._advance, self._stop_after = state, checkpoint, advance, stop_after
        self._name, self._epochs, self._learning_rate = name, epochs, learning_rate
        self._patience, self._loss = patience, "val_loss" if validated else "loss"
        self._validated_weights: Arrays | None = None
        self._written_at, self._writing_s = -math.inf, 0.0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Check the loss after some of the steps."""
        if batch % _CHECK_EVERY_BATCHES == 0:
            self._check((logs or {}).get("loss", 0), f"step {batch + 1} of ")

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Copy the weights that were validated, before averages are swapped out."""
        self._validated_weights = self.model.classifier.get_weights()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Update the state and the checkpoint; stop if the loss has not fallen for long enough.

        Raises:
            DivergedError: the loss is infinite or NaN.
        """
        values = {name: float(value) for name, value in (logs or {}).items()}
        self._check(values["loss"])
        values["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        state, loss = self._state, values[self._loss]
        for name, value in values.items():
            state.history.setdefault(name, []).append(value)
        state.epochs = epoch + 1
        if loss < state.best_loss or self._stop_after:
            state.best_loss, state.best_epoch = loss, state.epochs
            state.best = self._validated_weights or self.model.classifier.get_weights()
        self._log(values)
        self._advance(1)
        if self._stop_after:  # set before the write, so that a kill changes nothing
            state.ended = state.epochs >= self._stop_after
        else:
            state.ended = state.epochs_since_best >= self._patience
        self.model.stop_training = state.ended
        self._write()

    def _check(self, loss: Any, where: str = "") -> None:
        if math.isfinite(float(loss)):
            return
        state, rate = self._state, self._learning_rate
        if state.best:
            self.model.classifier.set_weights(state.best)
        raise DivergedError(
            f"train.learning_rate: at {rate:g} the loss became {float(loss)} in {where}epoch {state.epochs + 1}; "
            f"try {rate / 10:g}",
            kept=bool(state.best),
        )

    def _write(self) -> None:
        """Write a checkpoint, unless that would take more than its share of the time."""
        began = time.monotonic()
        if began - self._written_at >= self._writing_s / WRITING_SHARE:
            self._checkpoint.write(self._state, read_variables(self.model))
            self._written_at = time.monotonic()
            self._writing_s = self._written_at - began

    def _log(self, values: dict[str, float]) -> None:
        numbers = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in values.items())
        best = ", the best so far" if self._state.best_epoch == self._state.epochs else ""
        epochs_logger.info("%s %d/%d: %s%s", self._name, self._state.epochs, self._epochs, numbers, best)


def monitoring_callbacks(logs: Path, phase: str) -> list[keras.callbacks.Callback]:
    """Create the callbacks that write curves: for TensorBoard, and for MLflow if `MLFLOW_TRACKING_URI` is set.

    Args:
        logs: folder of TensorBoard's logs, one sub-folder for each phase; `tensorboard --logdir` shows it.
        phase: name of the phase.

    Raises:
        UserError: the variable is set, but MLflow is not installed.
    """
    found: list[keras.callbacks.Callback] = []
    if keras.backend.backend() == "tensorflow":  # other backends come without a writer for these logs
        found.append(TensorBoard(logs / phase.replace(" ", "-")))
    if os.environ.get(MLFLOW):
        found.append(MLflow(phase))
    return found


class TensorBoard(keras.callbacks.Callback):
    """Writes each epoch's metrics for TensorBoard; Keras' own callback would need TensorBoard to be installed."""

    def __init__(self, folder: Path) -> None:
        """Open a log in a folder."""
        super().__init__()
        import tensorflow

        folder.mkdir(parents=True, exist_ok=True)  # TensorFlow would keep the group from writing, whatever the umask is
        self._summary = tensorflow.summary
        self._writer = tensorflow.summary.create_file_writer(str(folder))
        self._kind = tensorflow.compat.v1.SummaryMetadata(
            plugin_data=tensorflow.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"),
            data_class="DATA_CLASS_SCALAR",
        )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the metrics of an epoch."""
        with self._writer.as_default(step=epoch + 1):
            for name, value in (logs or {}).items():
                self._summary.write(name, float(value), metadata=self._kind)
        self._writer.flush()


class MLflow(keras.callbacks.Callback):
    """Logs each epoch to the MLflow server; each phase is a run.

    If the server fails, this callback logs a warning and does nothing more. The training continues.
    """

    def __init__(self, phase: str) -> None:
        """Import MLflow.

        Args:
            phase: part of the run's name.

        Raises:
            UserError: MLflow is not installed.
        """
        super().__init__()
        try:
            import mlflow
        except ImportError as error:
            raise UserError(f"{MLFLOW} is set, but MLflow is not installed: pip install mlflow-skinny") from error
        self._mlflow = mlflow
        self._phase = phase
        self._enabled = True

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start the run, after ending one that was interrupted for lack of memory."""
        self._try(self._mlflow.end_run)
        self._try(lambda: self._mlflow.start_run(run_name=f"fluke: {self._phase}"))
        self._try(lambda: self._mlflow.log_param("parameters", self.model.classifier.count_params()))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Log the metrics of an epoch."""
        values = {name: float(value) for name, value in (logs or {}).items()}
        self._try(lambda: self._mlflow.log_metrics(values, step=epoch + 1))

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """End the run."""
        self._try(self._mlflow.end_run)

    def _try(self, action: Callable[[], Any]) -> None:
        if not self._enabled:
            return
        try:
            action()
        except Exception as error:
            self._enabled = False
            logger.warning("MLflow logging to %s is disabled for this run: %s", os.environ.get(MLFLOW), error)
