"""The blocklist: URLs and SHA-256 of photos that must not be stored again, in a CSV file that people can edit.

The file is next to the pools, not among them, because pools may be deleted at any time.
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock

from tasks.store.atomic import atomic_write
from tasks.store.manifest import now

NAME = "forgotten.csv"
"""The file's name in the data folder, after the command `fluke forget`."""
_COLUMNS = ("what", "forgotten_at")


class BlocklistedError(Exception):
    """A photo is on the blocklist."""


def read(root: Path) -> frozenset[str]:
    """Return the URLs and SHA-256 on the blocklist of a data folder; empty without a file.

    SHA-256 are returned in lower case, whichever way they are written.
    """
    entries = [row[0].strip() for row in _rows(root / NAME)]
    return frozenset(entry if "/" in entry else entry.lower() for entry in entries)


def add(root: Path, entries: Iterable[str]) -> None:
    """Add URLs and SHA-256 to the blocklist of a data folder; existing rows stay unchanged."""
    path = root / NAME
    with FileLock(path.with_name(f".{NAME}.lock")):
        rows = _rows(path)
        known = {row[0] for row in rows}
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows([*rows, *((entry, f"{now():%Y-%m-%dT%H:%M:%SZ}") for entry in sorted(set(entries) - known))])
        atomic_write(path, text.getvalue().encode())


def _rows(path: Path) -> list[list[str]]:
    """Return the rows without the header, which a user's own list may lack."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row and row[0].strip()]
            return rows[1:] if rows and rows[0][0] == _COLUMNS[0] else rows
    except FileNotFoundError:
        return []
