"""Curves for TensorBoard, and for an MLflow server if the environment names one."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from tasks.store.errors import UserError

MLFLOW = "MLFLOW_TRACKING_URI"
"""MLflow's own variable; not a setting, since where a training is watched must not make it again."""

logger = logging.getLogger("fluke.train")


def watchers(logs: Path, phase: str) -> list[keras.callbacks.Callback]:
    """What looks on during a phase of a training: `tensorboard --logdir` shows what is in `logs` while it runs."""
    found: list[keras.callbacks.Callback] = []
    if keras.backend.backend() == "tensorflow":  # which brings the writer of these logs
        found.append(TensorBoard(logs / phase.replace(" ", "-")))
    if os.environ.get(MLFLOW):
        found.append(MLflow(phase))
    return found


class TensorBoard(keras.callbacks.Callback):
    """Writes each pass's numbers as TensorBoard reads them. Keras's own writer needs TensorBoard to be installed."""

    def __init__(self, folder: Path) -> None:
        """Take the folder of the logs."""
        super().__init__()
        import tensorflow

        self._summary = tensorflow.summary
        self._writer = tensorflow.summary.create_file_writer(str(folder))
        self._kind = tensorflow.compat.v1.SummaryMetadata(
            plugin_data=tensorflow.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"),
            data_class="DATA_CLASS_SCALAR",
        )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the numbers of a pass."""
        with self._writer.as_default(step=epoch + 1):
            for name, value in (logs or {}).items():
                self._summary.write(name, float(value), metadata=self._kind)
        self._writer.flush()


class MLflow(keras.callbacks.Callback):
    """Logs each pass to the MLflow server, as one run a phase.

    A server that doesn't answer is warned of, and fails no training. Raises UserError if MLflow is not installed.
    """

    def __init__(self, phase: str) -> None:
        """Take the run's name."""
        super().__init__()
        try:
            import mlflow
        except ImportError as error:
            raise UserError(f"{MLFLOW} is set, but MLflow is not installed: pip install mlflow-skinny") from error
        self._mlflow = mlflow
        self._phase = phase
        self._answers = True

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin the run; one that broke off, for lack of memory, is ended."""
        self._try(self._mlflow.end_run)
        self._try(lambda: self._mlflow.start_run(run_name=f"fluke: {self._phase}"))
        self._try(lambda: self._mlflow.log_param("parameters", self.model.classifier.count_params()))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Log the numbers of a pass."""
        values = {name: float(value) for name, value in (logs or {}).items()}
        self._try(lambda: self._mlflow.log_metrics(values, step=epoch + 1))

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """End the run."""
        self._try(self._mlflow.end_run)

    def _try(self, action: Callable[[], Any]) -> None:
        if not self._answers:
            return
        try:
            action()
        except Exception as error:
            self._answers = False
            logger.warning("MLflow (%s) is not told of this training: %s", os.environ.get(MLFLOW), error)
