"""Errors of the file system that say which file they are about, also when a library has raised them."""

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.store.errors import UserError

PARTIAL = ".partial-"
"""How the names of files and folders begin that are being written, or that a killed process has left."""
DAMAGED = ".damaged-"
"""How the names of damaged files begin that were replaced."""
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FULL = re.compile(
    rf"no space left on device|disk quota exceeded|disk is full|errno[ =]+({errno.ENOSPC}|{errno.EDQUOT})\b",
    re.IGNORECASE,
)
"""What pyarrow, SQLite, HDF5 and TensorFlow write into the exceptions of their own."""
_NEARLY_FULL_BYTES = 1 << 20


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let errors of the file system name a file, where they name nothing, or a temporary file that stands for it.

    Raises:
        OSError: With `path` as its `filename`; also for an exception of a library that is due to a full disk.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        number = error.errno if isinstance(error, OSError) and error.errno else disk_full(error)
        if number is None or not _stands_for(getattr(error, "filename", None), path):
            raise
        place = _full(path) if number in DISK_FULL else path
        raise OSError(number, os.strerror(number), str(place)) from error


def remove_folder(path: Path) -> None:
    """Delete a folder with all that is in it.

    Raises:
        OSError: Something can't be deleted; it names the folder whose mode is in the way, which `shutil` doesn't.
    """
    try:
        shutil.rmtree(path)
    except PermissionError as error:
        folders = (folder for folder in (path, *sorted(path.rglob("*"))) if folder.is_dir())
        blocking = next((folder for folder in folders if not os.access(folder, os.W_OK | os.X_OK)), path)
        raise OSError(error.errno, error.strerror, str(blocking)) from error


def disk_full(error: BaseException) -> int | None:
    """Return ENOSPC or EDQUOT if a full disk is the reason for an exception, also of a library, or for its causes."""
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in seen:
        if isinstance(cause, OSError) and cause.errno in DISK_FULL:
            return cause.errno
        if found := _FULL.search(str(cause)):
            is_quota = "quota" in found[0].lower() or found[1] == str(errno.EDQUOT)
            return errno.EDQUOT if is_quota else errno.ENOSPC
        seen.append(cause)
        cause = cause.__cause__ or cause.__context__
    return None


def is_nearly_full(path: Path, below_bytes: int = _NEARLY_FULL_BYTES) -> bool:
    """Whether less is free on the disk of a file or folder, which need not exist."""
    folder = next((parent for parent in (path, *path.parents) if parent.is_dir()), path)
    try:
        return shutil.disk_usage(folder).free < below_bytes
    except OSError:
        return False


def _stands_for(named: object, path: Path) -> bool:
    """Whether an error that names a file, or nothing, is about what is being written in the place of `path`."""
    if not isinstance(named, str | bytes | os.PathLike):
        return True
    name = os.fsdecode(named)
    return PARTIAL in name and Path(name) != path


def _full(path: Path) -> Path:
    """Return a place on the disk that is full: that of `path`, unless only the one for temporary files is full."""
    temporary = Path(tempfile.gettempdir())
    return temporary if is_nearly_full(temporary) and not is_nearly_full(path) else path
