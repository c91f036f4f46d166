"""Devices, precision and compilation: what networks are trained on, and how they compute."""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any, Protocol

import keras

from configs.schema import PretrainConfig, TrainConfig, Xla

_BFLOAT16_SINCE = (8, 0)
_FLOAT16_SINCE = (7, 0)
_OUT_OF_MEMORY = ("RESOURCE_EXHAUSTED", "OOM when allocating", "out of memory", "Out of memory")


class Compiled(Protocol):
    """What has the setting `xla`: a section of the settings, or a plan."""

    @property
    def xla(self) -> Xla:
        """Whether XLA compiles; see `uses_xla`."""
        ...


def enable_memory_growth() -> None:
    """Let TensorFlow allocate a GPU's memory as needed, not all at once; call this before any other GPU use."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        for gpu in tensorflow.config.list_physical_devices("GPU"):
            try:
                tensorflow.config.experimental.set_memory_growth(gpu, True)
            except RuntimeError:  # the GPU is already in use
                break


def gpu_count() -> int:
    """Count the GPUs that the backend can use."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        return len(tensorflow.config.list_physical_devices("GPU"))
    if keras.backend.backend() == "jax":
        import jax

        return sum(device.platform != "cpu" for device in jax.devices())
    return 0


def strategy_scope(config: TrainConfig | PretrainConfig) -> AbstractContextManager[Any]:
    """Return a context in which networks are built for data-parallel training.

    It uses `config.devices` GPUs, or all GPUs if that is 0. Without GPUs it uses the CPU devices that TensorFlow is
    configured for. With a single device the context does nothing.
    """
    wanted = config.devices or gpu_count()
    if wanted < 2:
        return nullcontext()
    if keras.backend.backend() == "jax":
        return _data_parallel(wanted)
    import tensorflow

    kind = "GPU" if gpu_count() else "CPU"
    names = tuple(device.name for device in tensorflow.config.list_logical_devices(kind)[:wanted])
    if len(names) < 2:
        return nullcontext()
    scope: AbstractContextManager[Any] = _mirrored(names).scope()
    return scope


def num_replicas() -> int:
    """Count the devices that each batch is divided among here: 1 outside `strategy_scope`."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        return int(tensorflow.distribute.get_strategy().num_replicas_in_sync)
    distribution = keras.distribution.distribution()
    return math.prod(distribution.device_mesh.shape) if distribution else 1


@contextmanager
def dtype_policy(precision: str) -> Iterator[None]:
    """Enter a context in which networks compute in a precision; their weights are always float32.

    Args:
        precision: a value of `TrainConfig.precision` or `PretrainConfig.precision`.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(_policy_name(precision))
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def compute_signature(precision: str) -> list[str]:
    """Return what decides the numbers on this machine: the backend and the dtype policy."""
    return [keras.backend.backend(), _policy_name(precision)]


def uses_xla(config: Compiled) -> bool:
    """Return whether XLA compiles the training.

    JAX always does. With auto, TensorFlow does on a single GPU; on CPUs XLA makes it slower.
    """
    if keras.backend.backend() == "jax":
        return True
    return config.xla == "on" or (config.xla == "auto" and gpu_count() == 1)


def xla_lacks_an_operation(error: BaseException) -> bool:
    """Return whether XLA failed because it lacks an operation of the network.

    On the CPU, where all operations are deterministic, it has no gradient of max-pooling.
    """
    return type(error).__name__ == "UnimplementedError" and "tf2xla" in str(error)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that a GPU or the machine ran out of memory."""
    return isinstance(error, MemoryError) or (
        isinstance(error, Exception) and any(text in f"{type(error).__name__}: {error}" for text in _OUT_OF_MEMORY)
    )


def _policy_name(precision: str) -> str:
    if precision != "auto":
        return precision if precision == "float32" else f"mixed_{precision}"
    if not gpu_count():
        return "float32"
    if keras.backend.backend() == "jax":
        return "mixed_bfloat16"
    import tensorflow

    details = (
        tensorflow.config.experimental.get_device_details(gpu) for gpu in tensorflow.config.list_physical_devices("GPU")
    )
    oldest = min(found.get("compute_capability", (0, 0)) for found in details)
    if oldest >= _BFLOAT16_SINCE:
        return "mixed_bfloat16"
    return "mixed_float16" if oldest >= _FLOAT16_SINCE else "float32"


@cache
def _mirrored(devices: tuple[str, ...]) -> Any:
    """Return TensorFlow's strategy for some devices; a second one in the same process would mix up their sums."""
    import tensorflow

    return tensorflow.distribute.MirroredStrategy(devices)


@contextmanager
def _data_parallel(devices: int) -> Iterator[None]:
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(devices=keras.distribution.list_devices()[:devices])
    )
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)
