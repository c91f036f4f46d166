"""What this process and the workers must have in common: versions, code and data folder.

Results must not depend on who computes them, so what decides them has the same version everywhere.
"""

import os
import platform
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tasks.store import hashing
from tasks.store.file_errors import PARTIAL
from tasks.store.permissions import make_private_folder

_PACKAGES = (
    "distributed",
    "numpy",
    "pandas",
    "opencv-python-headless",
    "pillow",
    "pi-heif",
    "keras",
    "tensorflow",
    "jax",
    "pydantic",
)
"""They decide results, or travel between the processes."""
Versions = tuple[tuple[str, str], ...]
"""What must be the same everywhere: names and versions."""


@cache
def versions() -> Versions:
    """Return the versions of this process."""
    found = {"Python": platform.python_version().rpartition(".")[0]}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    found["KERAS_BACKEND"] = os.environ.get("KERAS_BACKEND", "tensorflow")
    found["fluke's code"] = _code()[:12]
    return tuple(found.items())


def _code() -> str:
    """Compute the digest of the files that do the work; a worker started before an update has another one."""
    home = Path(__file__).parents[3]
    files = sorted(file for package in ("configs", "flows", "tasks") for file in (home / package).rglob("*.py"))
    return hashing.of_value([(file.relative_to(home).as_posix(), hashing.of_file(file)) for file in files])


def difference(ours: Versions, theirs: Versions) -> str:
    """Say which versions differ, such as `numpy 2.3.1 there, 2.4.0 here`; "" if they are the same."""
    other = dict(theirs)
    return ", ".join(
        f"{name} {other.get(name, 'unknown')} there, {version} here"
        for name, version in ours
        if other.get(name) != version
    )


@contextmanager
def probe(root: Path) -> Iterator[Path]:
    """Yield a new file in the data folder: a worker that finds it has the same folder. It is deleted at the end."""
    folder = root / "pools"
    make_private_folder(folder)
    path = folder / f"{PARTIAL}probe-{secrets.token_hex(8)}"
    path.touch()
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@lru_cache(maxsize=4)
def problem(ours: Versions, probe: Path, worker: str) -> str:
    """Say why this process can't work for the one that the arguments are from, "" if it can; runs once on a worker.

    Args:
        ours: The versions of the process that spreads the work.
        probe: A file in its data folder.
        worker: The address of this worker, for the message.
    """
    if found := difference(ours, versions()):
        return (
            f"the Dask worker {worker} differs: {found}; install the same versions in both places, and start the "
            "worker again"
        )
    if not probe.is_file() or not os.access(probe.parent, os.W_OK):
        return (
            f"the Dask worker {worker} can't write the data folder {probe.parents[1]}; mount the same folder at the "
            "same path there (NFS or the like), and start the worker again"
        )
    return ""
