"""What killed runs and damaged files have left anywhere in a data folder: `.partial-*` and `.damaged-*`."""

import os
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from tasks.store.file_errors import DAMAGED, PARTIAL

_KILLED, _REPLACED = "left by a killed run", "damaged file that was replaced"
_DAY_S = 86400.0
_LOCKED = ("artifacts", "pools", "photos")
"""Only commands that lock the data folder write here: when nobody else has the lock, no partial file is in use."""
_NEVER_PRUNED = ("splits", "test_lists", "backups")
"""A damaged file in one of these, or at the top of the data folder, may be all that is left of what people decided."""


def find_left_over(root: Path, *, skip: Collection[Path] = ()) -> Iterator[tuple[Path, str]]:
    """Yield partial and damaged files and folders with the reason, sorted by path. Links are not followed.

    Those that are younger than a day may be in use, except partial ones where the lock of the data folder protects all
    writers.

    Args:
        root: The data folder.
        skip: Folders that aren't searched, because they are deleted anyway.
    """
    yield from _below(root, root, skip)


def is_old(path: Path) -> bool:
    """Whether a file, or everything in a folder, was last changed more than a day ago.

    A time of more than a day ahead is from a clock that was ahead; it counts as old.
    """
    now = time.time()
    return all(abs(now - changed) > _DAY_S for changed in _times(path))


def _below(folder: Path, root: Path, skip: Collection[Path]) -> Iterator[tuple[Path, str]]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except FileNotFoundError:  # deleted meanwhile
        return
    top = folder.relative_to(root).parts[:1]
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith(PARTIAL):
            if (top and top[0] in _LOCKED) or is_old(path):
                yield path, _KILLED
        elif entry.name.startswith(DAMAGED):
            if top and top[0] not in _NEVER_PRUNED and is_old(path):
                yield path, _REPLACED
        elif entry.is_dir(follow_symlinks=False) and path not in skip:
            yield from _below(path, root, skip)


def _times(path: Path) -> Iterator[float]:
    """Yield the times of the last change of a file, or of a folder and everything in it, in seconds since 1970."""
    try:
        yield path.lstat().st_mtime
        if path.is_dir() and not path.is_symlink():
            for entry in os.scandir(path):
                yield from _times(path / entry.name)
    except FileNotFoundError:  # deleted meanwhile
        return
