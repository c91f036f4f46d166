"""What Keras computes with here, for people to read."""

import os
from dataclasses import dataclass

import keras

from tasks.networks import hardware


@dataclass(frozen=True)
class Devices:
    """The backend and its devices."""

    backend: str
    """As Keras calls it: tensorflow or jax."""
    backend_version: str
    keras_version: str
    gpus: tuple[str, ...]
    """Names of the GPUs that the backend can use."""
    cpus: int
    """CPU cores that this process may use."""
    policy: str
    """The dtype policy that `train.precision=auto` means here."""


def look() -> Devices:
    """Start the backend, compute something with it, and return what it has.

    Raises:
        Exception: What the backend raises if it can't compute.
    """
    hardware.enable_memory_growth()
    ones = keras.ops.ones((8, 8))
    if float(keras.ops.sum(keras.ops.matmul(ones, ones))) != 8**3:
        raise RuntimeError("the product of two matrices is wrong")
    backend, policy = hardware.compute_signature("auto")
    version, gpus = _jax() if backend == "jax" else _tensorflow() if backend == "tensorflow" else ("", ())
    return Devices(backend, version, keras.__version__, gpus, len(os.sched_getaffinity(0)), policy)


def _jax() -> tuple[str, tuple[str, ...]]:
    import jax

    return jax.__version__, tuple(str(device.device_kind) for device in jax.devices() if device.platform != "cpu")


def _tensorflow() -> tuple[str, tuple[str, ...]]:
    import tensorflow

    found = tensorflow.config.list_physical_devices("GPU")
    details = [tensorflow.config.experimental.get_device_details(gpu) for gpu in found]
    names = tuple(str(each.get("device_name", gpu.name)) for gpu, each in zip(found, details, strict=True))
    return tensorflow.__version__, names
