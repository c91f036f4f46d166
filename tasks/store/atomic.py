"""Write files and folders atomically: a reader or a crash never sees a part of one.

Who may read them is decided by the umask, see `tasks.store.permissions`.
"""

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.store import permissions
from tasks.store.file_errors import PARTIAL, naming


def sync(path: Path) -> None:
    """Flush the content of a file or folder to the disk (fsync)."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic_path(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to `path` on success, delete it otherwise.

    The content is flushed to the disk before the file is renamed. Missing parent folders are created.

    Args:
        path: The file; a link is replaced.
        private: Whether its folder is private, see `tasks.store.permissions`.

    Raises:
        OSError: The file can't be written; it names `path`, also if a library has noticed that the disk is full.
    """
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_path(path.parent, path.suffix, private=private, shown_as=path) as partial:
            yield partial
            publish(partial, path)


@contextmanager
def temporary_path(folder: Path, suffix: str, *, private: bool, shown_as: Path) -> Iterator[Path]:
    """Yield a new, empty file for `publish`, whose name may depend on its content; otherwise it is deleted at the end.

    Args:
        folder: A folder that exists.
        suffix: The end of its name.
        private: Whether the folder is private, see `tasks.store.permissions`.
        shown_as: The path that is named if the file can't be created.
    """
    partial = _partial(folder / "file", suffix)
    with naming(shown_as):
        permissions.create(partial, private=private)
    try:
        yield partial
    finally:
        partial.unlink(missing_ok=True)


def publish(partial: Path, path: Path) -> None:
    """Flush a file to the disk, and rename it to `path` in the same folder.

    Raises:
        OSError: That is impossible; it names `path`.
    """
    with naming(path):
        sync(partial)
        partial.replace(path)
        sync(path.parent)


@contextmanager
def atomic_output(path: Path) -> Iterator[Path]:
    """Yield a temporary path as `atomic_path` does, for a file that the user named.

    A link is followed, as by `cp`: the file that it leads to is replaced. A file that exists keeps its mode and group.

    Raises:
        OSError: The file can't be written, or is write-protected; it names `path`.
    """
    target = Path(os.path.realpath(path))
    replaced = target.stat() if target.exists() else None
    with naming(path):
        if replaced:
            os.close(os.open(target, os.O_WRONLY | os.O_NONBLOCK))  # a rename would replace a write-protected file
        with atomic_path(target) as partial:
            if replaced:
                permissions.keep_access(partial, replaced)
            yield partial


def atomic_write(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write a file atomically; see `atomic_path`."""
    with atomic_path(path, private=private) as partial:
        partial.write_bytes(data)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder, whose files appear in the folder `path` on success; delete it otherwise.

    The files are flushed to the disk before that. A folder that exists keeps its mode and its other files; it may be a
    link, or another disk: so its files are written within it, and each is moved into place when all are complete.

    Raises:
        OSError: A file can't be written; it names `path`, also if a library has noticed that the disk is full.
    """
    with naming(path):
        exists = path.is_dir()
        if not exists:
            path.parent.mkdir(parents=True, exist_ok=True)
        partial = _partial(path / "files" if exists else path)
        partial.mkdir()
        try:
            yield partial
            for made in partial.rglob("*"):
                sync(made)
            if exists:
                for made in sorted(partial.iterdir(), key=lambda made: (made.is_file(), made.name)):  # folders first
                    made.replace(path / made.name)
            else:
                partial.replace(path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        sync(path if exists else path.parent)


def write_json(path: Path, value: Any, *, sort_keys: bool = False) -> None:
    """Write a value as JSON atomically: UTF-8, an indent of 1 and a final line break.

    Raises:
        ValueError: The value contains NaN or infinity, which JSON does not have.
    """
    text = json.dumps(value, sort_keys=sort_keys, indent=1, ensure_ascii=False, allow_nan=False)
    atomic_write(path, f"{text}\n".encode())


def _partial(path: Path, suffix: str = "") -> Path:
    """Return a new name next to a file or folder."""
    return path.with_name(f"{PARTIAL}{secrets.token_hex(8)}{suffix}")
