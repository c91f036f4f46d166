"""An SQLite file that several threads and processes write to, and that survives kill -9 at any point."""

import logging
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import Any

from filelock import FileLock

from tasks.store.errors import UserError

logger = logging.getLogger("fluke.crawl")


class Database:
    """A file and its tables; each statement is a transaction of its own."""

    def __init__(self, path: Path, tables: Sequence[str]) -> None:
        """Open the file, or begin it, with these tables (`CREATE TABLE IF NOT EXISTS ...`).

        A damaged file is put aside, with a warning, and begun again.
        """
        self._lock = Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_name(f".{path.name}.lock")):  # two that find it damaged put it aside once
                self._rows = self._open_or_begin(path, tables)
        except PermissionError as error:
            raise _unwritable(path, error) from error

    def _open_or_begin(self, path: Path, tables: Sequence[str]) -> sqlite3.Connection:
        try:
            return _open(path, tables)
        except sqlite3.OperationalError as error:  # nothing is wrong with the file
            if any(word in str(error) for word in ("unable to open", "readonly")):
                raise _unwritable(path, error) from error
            raise
        except sqlite3.DatabaseError as error:
            logger.warning("%s is damaged (%s): photos are brought in again", path, error)
            for part in (path, *path.parent.glob(f"{path.name}-*")):  # its write-ahead log belongs to it
                part.replace(part.with_name(f".damaged-{part.name}"))
            return _open(path, tables)

    def ask(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement; returns its rows, if it has any. Safe from any thread until `close`."""
        with self._lock:
            return self._rows.execute(statement, values).fetchall()

    def write(self, statement: str, rows: Iterable[Sequence[Any]]) -> int:
        """Run a statement for many rows: for all of them, or for none. Returns how many rows of a table it changed."""
        with self._lock:
            before = self._rows.total_changes
            self._rows.execute("BEGIN IMMEDIATE")
            try:
                self._rows.executemany(statement, rows)
            except BaseException:
                self._rows.execute("ROLLBACK")
                raise
            self._rows.execute("COMMIT")
            return self._rows.total_changes - before

    def close(self) -> None:
        """Let go of the file; a thread that still writes gets sqlite3.ProgrammingError."""
        with self._lock:
            self._rows.close()


def _unwritable(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} can't be written to ({error}); make it and its folder writable")


def _open(path: Path, tables: Sequence[str]) -> sqlite3.Connection:
    rows = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
    try:
        # Every row is kept if we are killed; a power cut may lose the last ones, never the file.
        rows.execute("PRAGMA journal_mode = WAL")
        rows.execute("PRAGMA synchronous = NORMAL")
        for table in tables:
            rows.execute(table)
        with closing(rows.execute("PRAGMA quick_check(1)")) as check:
            if (verdict := check.fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(verdict)
    except BaseException:
        rows.close()
        raise
    return rows
