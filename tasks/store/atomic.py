"""Files that are there whole or not at all."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def sync(path: Path) -> None:
    """Force a file's or folder's content to the disk (fsync)."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is fsynced and takes the name, else it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".partial-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        partial.chmod(0o644)
        sync(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync(path.parent)


def atomic_write(path: Path, data: bytes) -> None:
    """Write a file so that a reader or a crash sees all of it or nothing."""
    with atomic_path(path) as partial:
        partial.write_bytes(data)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside `path`; on success its files are fsynced and it takes the name, else it is removed.

    Where `path` exists, it must be an empty folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=path.parent))
    try:
        yield partial
        partial.chmod(0o755)
        for made in partial.rglob("*"):
            sync(made)
        partial.replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    sync(path.parent)


def write_json(path: Path, value: Any, *, sort_keys: bool = False) -> None:
    """Write a value as JSON, in UTF-8 and with an indent of 1; NaN is refused."""
    text = json.dumps(value, sort_keys=sort_keys, indent=1, ensure_ascii=False, allow_nan=False)
    atomic_write(path, f"{text}\n".encode())
