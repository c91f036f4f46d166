"""Write files and folders atomically: a reader or a crash never sees a part of one."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def sync(path: Path) -> None:
    """Flush the content of a file or folder to the disk (fsync)."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to `path` on success, delete it otherwise.

    The content is flushed to the disk before the file is renamed. Missing parent folders are created.
    """
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
    """Write a file atomically."""
    with atomic_path(path) as partial:
        partial.write_bytes(data)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder in the same folder; rename it to `path` on success, delete it otherwise.

    Its files are flushed to the disk before it is renamed. If `path` exists, it must be an empty folder.
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
    """Write a value as JSON atomically: UTF-8, an indent of 1 and a final line break.

    Raises:
        ValueError: The value contains NaN or infinity, which JSON does not have.
    """
    text = json.dumps(value, sort_keys=sort_keys, indent=1, ensure_ascii=False, allow_nan=False)
    atomic_write(path, f"{text}\n".encode())
