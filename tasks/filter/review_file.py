"""The file of the decisions about photos: a CSV to which rows are appended, all or none, and never half a line.

Files of older versions lack the last column; the first change adds it, and their rows have no reviewer. A text that a
spreadsheet would run as a formula has an apostrophe before it, see `tasks.store.formulas`.
"""

import csv
import errno
import io
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from tasks.store.atomic import atomic_output, sync
from tasks.store.errors import UserError
from tasks.store.formulas import guard, unguard
from tasks.store.permissions import file_lock

COLUMNS = ("photo", "label", "action", "to", "decided_at", "decided_by")
_OLD_COLUMNS = COLUMNS[:5]

Parsed = TypeVar("Parsed")


def read(path: Path, parse: Callable[[Sequence[str]], Parsed]) -> Iterator[Parsed]:
    """Yield each row of the file as `parse` understands it; nothing if there is no file.

    Args:
        path: The file.
        parse: Takes the values of a row, in the order of `COLUMNS`; raises ValueError if they are damaged.

    Raises:
        UserError: A line is damaged; the message has the file and the line number.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig", errors="surrogateescape")  # the name of a class need not be UTF-8
    except FileNotFoundError:
        return
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for number, row in enumerate(row for row in reader if row):
            if number:
                yield parse(_values(row))
            elif tuple(row) not in (COLUMNS, _OLD_COLUMNS):
                raise ValueError(f"the first line must be {','.join(COLUMNS)}")
    except (ValueError, csv.Error) as error:
        raise UserError(f"{path}, line {max(1, reader.line_num)}: {error}; fix or delete the line") from error


def _values(row: Sequence[str]) -> tuple[str, ...]:
    if len(row) not in (len(COLUMNS), len(_OLD_COLUMNS)):  # a merged log may have rows of both lengths
        raise ValueError(f"{len(row)} values instead of {len(COLUMNS)} ({','.join(COLUMNS)})")
    return tuple(map(unguard, (*row, "")[: len(COLUMNS)]))


def lock(path: Path) -> FileLock:
    """Return the lock of whoever appends."""
    return file_lock(path.with_name(f".{path.name}.lock"))


def append(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Append rows and sync the file, or leave the file unchanged. The caller must have the lock.

    Args:
        path: The file; it is created if it does not exist.
        rows: The values of each row, in the order of `COLUMNS`.
    """
    if not rows:
        return
    _add_new_column(path)
    is_new = not path.exists() or path.stat().st_size == 0
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if is_new:
        writer.writerow(COLUMNS)
    writer.writerows(map(guard, row) for row in rows)
    data = text.getvalue().encode(errors="surrogateescape")
    if len(rows) > 1:
        _replace(path, data)
        return
    _append_to_end(path, data)
    if is_new:
        sync(path.parent)


def _append_to_end(path: Path, data: bytes) -> None:
    with path.open("a+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        data = _on_a_new_line(file.read(), data)
        try:
            if file.write(data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            os.fsync(file.fileno())
        except BaseException:
            os.truncate(path, size)  # half a line would make the log invalid
            raise


def _replace(path: Path, data: bytes) -> None:
    """Append to a copy, and put it in the place of the log: a process that is killed meanwhile leaves the old log."""
    before = path.read_bytes() if path.exists() else b""
    with atomic_output(path) as partial:
        partial.write_bytes(before + _on_a_new_line(before[-1:], data))


def _on_a_new_line(last: bytes, data: bytes) -> bytes:
    """Return what to append after a last byte: the last line may lack its line end."""
    return data if last in (b"", b"\r", b"\n") else b"\n" + data


def _add_new_column(path: Path) -> None:
    """Add the column of the reviewer to the log of an older version; its rows stay as they are, with an empty value."""
    if not path.exists():
        return
    out = io.StringIO()
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        rows = (row for row in csv.reader(file, strict=True) if row)
        if tuple(next(rows, ())) != _OLD_COLUMNS:  # the rest of a log is read once in its life
            return
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((*row, "")[: len(COLUMNS)] for row in rows)
    with atomic_output(path) as partial:
        partial.write_bytes(out.getvalue().encode(errors="surrogateescape"))
