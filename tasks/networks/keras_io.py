"""How networks are trained: reproducibly, with warm-up and cosine decay, stopped when they diverge."""

import hashlib
import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tasks.networks import hardware
from tasks.store.errors import UserError
from tasks.store.progress import Advance

_BATCH_ROWS = 64
_WARM_UP = 0.05
"""Share of the steps in which the rate climbs to its peak."""


def make_reproducible(seed: int) -> None:
    """Let the same inputs give the same weights: on the same CPU bit by bit, on a GPU but for the order of sums.

    Seeds Python, numpy and the backend. Without a GPU, TensorFlow is told for the rest of the process to use
    deterministic kernels only, which costs under a tenth of the time; with one, they would rule out XLA.
    """
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow" and not hardware.gpus():
        import tensorflow

        tensorflow.config.experimental.enable_op_determinism()


def warm_cosine(peak: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """A rate that climbs from peak/100 to its peak in a twentieth of the steps, then falls to 0 as a cosine.

    After Loshchilov and Hutter, arXiv:1608.03983, and Goyal et al., arXiv:1706.02677.
    """
    warm_up = max(1, round(_WARM_UP * steps))
    return keras.optimizers.schedules.CosineDecay(
        peak / 100, max(1, steps - warm_up), warmup_target=peak, warmup_steps=warm_up
    )


def load(path: Path) -> keras.Model:
    """A network from a .keras file, to predict with."""
    return keras.models.load_model(path, compile=False)


def predict(network: keras.Model, rows: Any, batch_size: int = _BATCH_ROWS) -> NDArray[np.floating[Any]]:
    """A network's answers `(n, ...)` to rows, `(n, ...)` or read when asked for.

    Every batch is filled up with zeros, since the kernels that a backend chooses, and with them the last bits of an
    answer, can depend on a batch's size: so an answer doesn't depend on which others are computed with it.
    """
    answers = []
    for start in range(0, len(rows), batch_size):
        part = rows[start : start + batch_size]
        batch = np.zeros((batch_size, *part.shape[1:]), part.dtype)
        batch[: len(part)] = part
        answers.append(np.asarray(network.predict_on_batch(batch))[: len(part)])
    return np.concatenate(answers)


def weights_digest(model: keras.Model) -> str:
    """SHA-256 (64 hex digits) of a model's weights: shapes, types and bytes, in order.

    A .keras file can't be compared instead: it holds the time at which it was written.
    """
    sha = hashlib.sha256()
    for weight in model.get_weights():
        sha.update(f"{weight.shape} {weight.dtype};".encode())
        sha.update(weight.tobytes())
    return sha.hexdigest()


class Watch(keras.callbacks.Callback):
    """Reports each epoch, notes its last learning rate in the history, and stops a training that diverges."""

    def __init__(self, advance: Advance, stage: str, peak: float) -> None:
        """Take whom to tell of each epoch; for the error message, the stage and its learning rate's peak."""
        super().__init__()
        self._advance = advance
        self._stage = stage
        self._peak = peak

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Raise UserError if the loss is infinite or not a number."""
        logs = {} if logs is None else logs
        if not math.isfinite(logs["loss"]):
            raise UserError(
                f"{self._stage}.learning_rate: at {self._peak:g} the loss became {logs['loss']} in epoch "
                f"{epoch + 1}; "
                f"try {self._peak / 10:g}"
            )
        logs["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self._advance(1)
