"""Copy a data folder to another disk, so that the copy is a data folder: also while a run or the server is at work.

What refers to other files is copied before them: a file that appears meanwhile is then in the copy, or nothing in the
copy refers to it. Databases are copied by SQLite, since a plain copy of one in use may be broken.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from tasks.store.errors import UserError
from tasks.store.file_errors import PARTIAL

_ORDER = ("artifacts", "splits", "test_lists", "backups", "pools", "photos")
"""Folders that others refer to; all others come first."""
_MARK = ".fluke-backup"
"""A file in a copy: only what has it is brought up to date."""
_DATABASES = (".sqlite", ".db")
_LEFT_OUT = ("-wal", "-shm", "-journal", ".lock", ".tmp")
"""Endings of files that belong to processes of this machine, or to a database at work."""


@dataclass
class Copied:
    """What was done."""

    files: int = 0
    size_bytes: int = 0
    deleted: int = 0
    """Files of an earlier copy that the data folder doesn't have any more."""


def back_up(root: Path, target: Path) -> Copied:
    """Bring the copy of a data folder up to date, or make one; unchanged files are not copied again.

    Args:
        root: The data folder.
        target: The copy's folder; it is made if needed.

    Raises:
        UserError: The target is not empty and no copy, or it is in the data folder, or the other way round.
    """
    here, there = root.resolve(), target.expanduser().resolve()
    if here == there or here.is_relative_to(there) or there.is_relative_to(here):
        raise UserError(f"{target}: the copy can't be in the data folder {root}, or around it; name another folder")
    if there.exists() and not there.is_dir():
        raise UserError(f"{target} is no folder; name another")
    if there.exists() and any(there.iterdir()) and not (there / _MARK).exists():
        raise UserError(f"{target} has files that are no copy of a data folder; name a new or an empty folder")
    there.mkdir(parents=True, exist_ok=True)
    (there / _MARK).touch()
    done = Copied()
    seen = {Path(_MARK)}
    for path in _files(here):
        relative = path.relative_to(here)
        seen.add(relative)
        with suppress(FileNotFoundError):  # a run has deleted it meanwhile
            _copy(path, there / relative, done)
    for path in list(_walk(there)):
        if path.relative_to(there) not in seen:
            path.unlink()
            done.deleted += 1
    return done


def _files(root: Path) -> Iterator[Path]:
    """Yield the files to copy: those that refer to others first."""
    names = [*sorted(entry.name for entry in root.iterdir() if entry.name not in (*_ORDER, "locks")), *_ORDER]
    for entry in (root / name for name in names if (root / name).exists()):
        for path in sorted(_walk(entry)) if entry.is_dir() and not entry.is_symlink() else [entry]:
            parts = path.relative_to(root).parts
            of_a_process = path.name.endswith(_LEFT_OUT) or parts == ("server", "server.json")
            if not of_a_process and not any(part.startswith(PARTIAL) for part in parts):
                yield path


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files and links below a folder; no sockets and the like."""
    for name, _, files in os.walk(folder):
        for file in files:
            path = Path(name, file)
            if path.is_symlink() or path.is_file():
                yield path


def _copy(path: Path, target: Path, done: Copied) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    found = path.lstat()
    if path.suffix in _DATABASES and not path.is_symlink():
        _copy_database(path, target)
    else:
        with suppress(FileNotFoundError):
            there = target.lstat()
            if (there.st_size, there.st_mtime_ns) == (found.st_size, found.st_mtime_ns):
                return
        partial = target.with_name(f"{target.name}.tmp")
        shutil.copy2(path, partial, follow_symlinks=False)
        partial.replace(target)
    done.files += 1
    done.size_bytes += found.st_size


def _copy_database(path: Path, target: Path) -> None:
    partial = target.with_name(f"{target.name}.tmp")
    partial.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(partial)) as copy,
    ):
        source.backup(copy)
    shutil.copymode(path, partial)
    partial.replace(target)
