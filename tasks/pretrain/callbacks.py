"""The callback of the autoencoder's training."""

import math
from typing import Any

import keras

from tasks.store.errors import UserError
from tasks.store.progress import Advance


class EpochCallback(keras.callbacks.Callback):
    """Reports each epoch, adds its last learning rate to the history, and stops a training that diverges."""

    def __init__(self, advance: Advance, learning_rate: float) -> None:
        """Configure the callback.

        Args:
            advance: called with 1 after each epoch.
            learning_rate: the peak, for the error message.
        """
        super().__init__()
        self._advance = advance
        self._learning_rate = learning_rate

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Report an epoch.

        Raises:
            UserError: the loss is infinite or NaN.
        """
        logs = {} if logs is None else logs
        if not math.isfinite(logs["loss"]):
            raise UserError(
                f"pretrain.learning_rate: at {self._learning_rate:g} the loss became {logs['loss']} in epoch "
                f"{epoch + 1}; try {self._learning_rate / 10:g}"
            )
        logs["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self._advance(1)
