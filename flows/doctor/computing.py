"""What computes: Keras' backend, its devices, the precision, and the cache of compiled networks."""

from collections.abc import Iterator
from pathlib import Path

from rich.filesize import decimal

from flows.doctor.finding import Finding
from flows.gpu_limit import has_gpu
from tasks.store.store import size_bytes

_EXTRAS = {"tensorflow": "gpu", "jax": "gpu-jax"}


def examine(root: Path) -> Iterator[Finding]:
    """Start the backend and compute something with it."""
    try:
        from tasks.networks import devices

        seen = devices.look()
    except Exception as error:  # a backend that is missing or broken raises what it likes
        yield Finding("backend", "does not work", _broken(error), stops_runs=True)
        return
    yield Finding("backend", f"{seen.backend} {seen.backend_version}, Keras {seen.keras_version}")
    names = ", ".join(seen.gpus) if seen.gpus else f"{seen.cpus} CPU cores"
    missing = has_gpu() and not seen.gpus
    yield Finding("devices", names, _not_seen(seen.backend) if missing else "")
    yield Finding("precision", f"{seen.policy} (train.precision=auto)")
    yield _cache(root)


def _broken(error: Exception) -> str:
    first = str(error).strip().partition("\n")[0]
    install = f"install {error.name}" if isinstance(error, ModuleNotFoundError) else "reinstall what it names"
    return f"Keras can't compute ({type(error).__name__}: {first}): {install}, or unset KERAS_BACKEND"


def _not_seen(backend: str) -> str:
    extra = _EXTRAS.get(backend)
    remedy = f"install its libraries: pip install 'fluke[{extra}]'" if extra else "unset KERAS_BACKEND"
    return (
        f"this machine has a GPU, but {backend} doesn't see it and computes on the CPU; if `nvidia-smi` shows the GPU, "
        f"{remedy}"
    )


def _cache(root: Path) -> Finding:
    folder = root / "cache"
    size = decimal(size_bytes(folder)) if folder.is_dir() else "empty"
    return Finding("compilation cache", f"{folder.absolute()}: {size}")
