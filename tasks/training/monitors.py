"""Callbacks that write the curves of a training: for TensorBoard, and for MLflow."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from tasks.store.errors import UserError

MLFLOW = "MLFLOW_TRACKING_URI"
"""MLflow's own variable. It is not a setting, because a change of it must not start the training again."""

FOLDER = "tensorboard"
"""Where the curves are written: a folder in that of a training, and of an artifact."""

logger = logging.getLogger("fluke.train")


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
        self._try(lambda: self._mlflow.log_param("parameters", self.model.network.count_params()))

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
