"""The blocklist: URLs and SHA-256 of photos that must not be stored again, in a CSV file that people can edit.

The file is next to the pools, not among them, because pools may be deleted at any time.
"""

import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path
from string import hexdigits

from tasks.store.atomic import atomic_output
from tasks.store.errors import UserError
from tasks.store.manifest import now
from tasks.store.permissions import file_lock

NAME = "forgotten.csv"
"""The file's name in the data folder, after the command `fluke forget`."""
_COLUMNS = ("what", "forgotten_at")
_SHOWN = 80
"""So many characters of a wrong entry are shown."""


class BlocklistedError(Exception):
    """A photo is on the blocklist."""


def read(root: Path) -> frozenset[str]:
    """Return the URLs and SHA-256 on the blocklist of a data folder; empty without a file.

    SHA-256 are returned in lower case, whichever way they are written.

    Raises:
        UserError: The file is damaged. Without all of it, a photo could be stored again.
    """
    return frozenset(map(_entry, _rows(root / NAME)))


def add(root: Path, entries: Iterable[str]) -> None:
    """Add URLs and SHA-256 to the blocklist of a data folder; existing rows stay unchanged.

    Raises:
        UserError: The file is damaged.
    """
    path = root / NAME
    with file_lock(path.with_name(f".{NAME}.lock")):
        _write(path, _with(_rows(path), set(entries)))


def merge(root: Path, other: Path, base: Path) -> None:
    """Add what another copy of the blocklist has, and remove what somebody has deleted there.

    Args:
        root: The data folder.
        other: The other copy.
        base: The file as both had it before; if there is none, nothing was deleted.

    Raises:
        UserError: One of them is damaged.
    """
    theirs, before = ({_entry(row) for row in _rows(each)} for each in (other, base))
    path = root / NAME
    with file_lock(path.with_name(f".{NAME}.lock")):
        stay = [row for row in _rows(path) if _entry(row) not in before - theirs]
        _write(path, _with(stay, theirs - before))


def _with(rows: list[list[str]], entries: set[str]) -> list[list[str]]:
    """Return the rows with those of the entries that they lack, blocked now."""
    new = sorted(entries - {_entry(row) for row in rows})
    return [*rows, *([entry, f"{now():%Y-%m-%dT%H:%M:%SZ}"] for entry in new)]


def _entry(row: list[str]) -> str:
    """Return the URL, path or SHA-256 of a row; a SHA-256 in lower case."""
    entry = row[0].strip()
    return entry.lower() if _is_sha256(entry) else entry


def _write(path: Path, rows: list[list[str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(rows)
    with atomic_output(path) as partial:  # people may edit it, and share it
        partial.write_bytes(text.getvalue().encode())


def _rows(path: Path) -> list[list[str]]:
    """Return the rows without the header, which a user's own list may lack."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        if path.is_symlink():
            raise  # the list is somewhere else, and has been lost
        return []
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = len(re.findall(rb"\r\n?|\n", data[: error.start])) + 1
        raise _damaged(path, line, "it is not UTF-8", "save the file as CSV, encoded as UTF-8") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[list[str]] = []
    try:
        for row in reader:
            if row and row[0].strip() and not (not rows and reader.line_num == 1 and row[0].strip() == _COLUMNS[0]):
                _check(path, reader.line_num, row[0].strip())
                rows.append(row)
    except csv.Error as error:
        raise _damaged(path, max(1, reader.line_num), str(error), "correct or delete the line") from error
    return rows


def _check(path: Path, line: int, entry: str) -> None:
    """Raise UserError for an entry that could not block anything."""
    is_location = entry.lower().startswith(("http://", "https://", "/")) and "\0" not in entry
    if not is_location and not _is_sha256(entry):
        reason = f"{entry[:_SHOWN]!r} is no URL (http:// or https://), no absolute path and no SHA-256 (64 hex digits)"
        raise _damaged(path, line, reason, "correct or delete the line")


def _damaged(path: Path, line: int, reason: str, remedy: str) -> UserError:
    return UserError(
        f"{path}, line {line:,}: {reason}; {remedy}. Nothing is crawled until then, because the list says which photos "
        "must not be stored again"
    )


def _is_sha256(entry: str) -> bool:
    return len(entry) == 64 and set(entry) <= set(hexdigits)
