"""What networks are trained on: a CPU, a GPU or several; in what precision; and what becomes of too little memory."""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any

import keras

from configs.schema import TrainConfig

_BFLOAT16_SINCE = (8, 0)
_FLOAT16_SINCE = (7, 0)
_TOO_LITTLE = ("RESOURCE_EXHAUSTED", "OOM when allocating", "out of memory", "Out of memory")


def prepare() -> None:
    """Have TensorFlow take a GPU's memory as it needs it, not all at once; to be called before anything else."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        for gpu in tensorflow.config.list_physical_devices("GPU"):
            try:
                tensorflow.config.experimental.set_memory_growth(gpu, True)
            except RuntimeError:  # it is in use already
                break


def gpus() -> int:
    """How many GPUs the backend sees."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        return len(tensorflow.config.list_physical_devices("GPU"))
    if keras.backend.backend() == "jax":
        import jax

        return sum(device.platform != "cpu" for device in jax.devices())
    return 0


def shared(config: TrainConfig) -> AbstractContextManager[Any]:
    """Within it, networks are made to be trained on several devices, each batch shared among them.

    That is on all GPUs, or on `config.devices` of them; without any, on as many CPUs as were configured.
    """
    wanted = config.devices or gpus()
    if wanted < 2:
        return nullcontext()
    if keras.backend.backend() == "jax":
        return _data_parallel(wanted)
    import tensorflow

    kind = "GPU" if gpus() else "CPU"
    names = tuple(device.name for device in tensorflow.config.list_logical_devices(kind)[:wanted])
    if len(names) < 2:
        return nullcontext()
    scope: AbstractContextManager[Any] = _mirrored(names).scope()
    return scope


def sharing() -> int:
    """Among how many devices a batch is shared here: 1 outside of `shared`."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        return int(tensorflow.distribute.get_strategy().num_replicas_in_sync)
    distribution = keras.distribution.distribution()
    return math.prod(distribution.device_mesh.shape) if distribution else 1


@contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Within it, networks are made to compute in this precision (of `TrainConfig`); weights are float32 in any."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(_policy(precision))
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def arithmetic(precision: str) -> list[str]:
    """What decides the numbers on this machine: the backend, and what networks compute in."""
    return [keras.backend.backend(), _policy(precision)]


def compiled(config: TrainConfig) -> bool:
    """Whether XLA compiles the training; JAX knows no other way. On CPUs it makes TensorFlow slower."""
    if keras.backend.backend() == "jax":
        return True
    return config.xla == "on" or (config.xla == "auto" and gpus() == 1)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, a GPU's or the machine's, was too small for a step."""
    return isinstance(error, MemoryError) or (
        isinstance(error, Exception) and any(word in f"{type(error).__name__}: {error}" for word in _TOO_LITTLE)
    )


def _policy(precision: str) -> str:
    if precision != "auto":
        return precision if precision == "float32" else f"mixed_{precision}"
    if not gpus():
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
    """TensorFlow's strategy for these devices; a second one in a process would get the sums of the first in its way."""
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
