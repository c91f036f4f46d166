"""What must not come in again: URLs and SHA-256 of photos, in a CSV that a person can read and commit.

It is beside the pools, not in them, since pools may be deleted at any time.
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock

from tasks.store.atomic import atomic_write
from tasks.store.manifest import now

NAME = "forgotten.csv"
_COLUMNS = ("what", "forgotten_at")


class ForgottenError(Exception):
    """A photo that must not come in again."""


def read(root: Path) -> frozenset[str]:
    """URLs and SHA-256 that are forgotten in a data folder."""
    names = [row[0].strip() for row in _rows(root / NAME)]
    return frozenset(name if "/" in name else name.lower() for name in names)  # SHA-256 may be written either way


def add(root: Path, what: Iterable[str]) -> None:
    """Note URLs and SHA-256; those that are there already stay as they are."""
    path = root / NAME
    with FileLock(path.with_name(f".{NAME}.lock")):
        rows = _rows(path)
        known = {row[0] for row in rows}
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows([*rows, *((item, f"{now():%Y-%m-%dT%H:%M:%SZ}") for item in sorted(set(what) - known))])
        atomic_write(path, text.getvalue().encode())


def _rows(path: Path) -> list[list[str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row and row[0].strip()]
            return rows[1:] if rows and rows[0][0] == _COLUMNS[0] else rows
    except FileNotFoundError:
        return []
