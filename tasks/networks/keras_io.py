"""Loading, seeding, prediction, digests and the learning rate's schedule, for all of Keras' backends."""

import hashlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

import keras
import numpy as np
from keras.src.random import seed_generator
from numpy.typing import NDArray

from tasks.networks import hardware
from tasks.networks.forward import fill_up
from tasks.store.errors import UserError
from tasks.store.json_file import damaged

_BATCH_ROWS = 64
_WARM_UP = 0.05
"""Share of the steps in which the learning rate rises."""


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and the backend, so that the same inputs give the same weights.

    On one CPU they are identical bit by bit; on a GPU the order of sums may differ. Without a GPU, TensorFlow uses
    deterministic kernels for the rest of the process, which takes less than a tenth more time. With a GPU it does not,
    because XLA has none.
    """
    keras.utils.set_random_seed(seed)
    # Keras takes the seeds of initial weights and of dropout from Python's generator, which all threads share, and from
    # which Prefect's connection draws every 20 s. With a generator of its own, Keras gets the same numbers each time.
    seed_generator.python_random = Random(seed)
    if keras.backend.backend() == "tensorflow" and not hardware.gpu_count():
        import tensorflow

        tensorflow.config.experimental.enable_op_determinism()


def warmup_cosine(learning_rate: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Create a schedule with a linear warm-up and a cosine decay to 0.

    The warm-up starts at a hundredth of the peak and takes a twentieth of the steps (Loshchilov and Hutter,
    arXiv:1608.03983; Goyal et al., arXiv:1706.02677).

    Args:
        learning_rate: the peak.
        steps: number of optimizer steps in total.
    """
    warm_up = max(1, round(_WARM_UP * steps))
    return keras.optimizers.schedules.CosineDecay(
        learning_rate / 100, max(1, steps - warm_up), warmup_target=learning_rate, warmup_steps=warm_up
    )


def load(path: Path) -> keras.Model:
    """Load a network from a file of a user, for prediction; code in it is refused, whatever the process has allowed."""
    return keras.models.load_model(path, compile=False, safe_mode=True)


def load_artifact(path: Path) -> keras.Model:
    """Load a network from a .keras file of an artifact.

    Raises:
        DamagedFileError: It is damaged, or has code in it, such as a Lambda layer.
        UserError: It has layers of KerasHub, which is not installed.
    """
    try:
        return load(path)
    except FileNotFoundError:
        raise
    except Exception as error:  # Keras raises many kinds of errors
        if "keras_hub" in str(error) and find_spec("keras_hub") is None:
            raise UserError(
                f"{path} has layers of KerasHub, which is not installed; pip install 'fluke[hub]' (in fluke's folder: "
                "pip install -e '.[hub]')"
            ) from error
        raise damaged(path, first_line(error)) from error


def load_to_predict(path: Path) -> keras.Model:
    """Load a network from a .keras file of an artifact, to predict only; see `load_artifact`.

    With TensorFlow, batch normalisation is computed as x * a + b, with constants a and b: Keras derives these from four
    weights in each call. It must not be trained or saved.
    """
    network = load_artifact(path)
    if keras.backend.backend() == "tensorflow":
        for layer in network.layers:
            if isinstance(layer, keras.layers.BatchNormalization) and layer.compute_dtype == "float32":
                layer.call = _constant_normalization(layer)
    return network


def _constant_normalization(layer: keras.layers.BatchNormalization) -> Callable[..., Any]:
    mean, variance = (keras.ops.convert_to_numpy(each) for each in (layer.moving_mean, layer.moving_variance))
    gamma = keras.ops.convert_to_numpy(layer.gamma) if layer.scale else np.float32(1)
    beta = keras.ops.convert_to_numpy(layer.beta) if layer.center else np.float32(0)
    shape = [1] * len(layer.input.shape)
    shape[layer.axis] = -1
    factor = (gamma / np.sqrt(variance + np.float32(layer.epsilon))).astype(np.float32)
    offset = (beta - mean * factor).astype(np.float32)
    a, b = factor.reshape(shape), offset.reshape(shape)

    def call(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        return inputs * a + b

    return call


def predict(network: keras.Model, rows: Any, batch_size: int = _BATCH_ROWS) -> NDArray[np.floating[Any]]:
    """Predict such that a result does not depend on which other rows are predicted with it.

    Every batch is filled up with zeros to the same size, because a backend chooses its kernels by the batch size, and
    the last bits of a result can depend on the kernel.

    Args:
        network: a model with one input and one output.
        rows: `(n, ...)`, an array or anything with slices that are arrays.
        batch_size: rows per batch.

    Returns:
        The network's outputs, `(n, ...)`.
    """
    outputs = []
    for start in range(0, len(rows), batch_size):
        part = rows[start : start + batch_size]
        outputs.append(np.asarray(network.predict_on_batch(fill_up(part, batch_size)))[: len(part)])
    return np.concatenate(outputs)


def weights_digest(model: keras.Model) -> str:
    """Compute the SHA-256 (64 hex digits) of a model's weights: their shapes, types and bytes, in order.

    The .keras file itself cannot be compared, because it contains the time at which it was written.
    """
    sha = hashlib.sha256()
    for weight in model.get_weights():
        sha.update(f"{weight.shape} {weight.dtype};".encode())
        sha.update(weight.tobytes())
    return sha.hexdigest()


def first_line(error: Exception) -> str:
    """Return the first line of an error of Keras, whose messages can have many."""
    return str(error).strip().partition("\n")[0]
