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
    """A connection to an SQLite file; each statement is its own transaction."""

    def __init__(self, path: Path, tables: Sequence[str]) -> None:
        """Open the file, or create it.

        A damaged file is renamed to `.damaged-NAME`, with a warning, and replaced by an empty one.

        Args:
            path: the file.
            tables: statements `CREATE TABLE IF NOT EXISTS ...`.

        Raises:
            UserError: the file or its folder isn't writable.
        """
        self._lock = Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Two processes that find the same damaged file must rename it only once.
            with FileLock(path.with_name(f".{path.name}.lock")):
                self._connection = self._open_or_replace(path, tables)
        except PermissionError as error:
            raise _not_writable(path, error) from error

    def _open_or_replace(self, path: Path, tables: Sequence[str]) -> sqlite3.Connection:
        try:
            return _open(path, tables)
        except sqlite3.OperationalError as error:  # the file itself isn't damaged
            if any(word in str(error) for word in ("unable to open", "readonly")):
                raise _not_writable(path, error) from error
            raise
        except sqlite3.DatabaseError as error:
            logger.warning("%s is damaged (%s): a new database is created, and photos are fetched again", path, error)
            for part in (path, *path.parent.glob(f"{path.name}-*")):  # the write-ahead log belongs to the file
                part.replace(part.with_name(f".damaged-{part.name}"))
            return _open(path, tables)

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows. Safe from any thread until `close`."""
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def execute_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> int:
        """Run a statement once per row, for all rows or for none; return the number of changed table rows."""
        with self._lock:
            before = self._connection.total_changes
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(statement, rows)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
            return self._connection.total_changes - before

    def close(self) -> None:
        """Close the file; a thread that still writes gets sqlite3.ProgrammingError."""
        with self._lock:
            self._connection.close()


def _not_writable(path: Path, error: Exception) -> UserError:
    return UserError(f"{path}: cannot write ({error}); make the file and its folder writable")


def _open(path: Path, tables: Sequence[str]) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
    try:
        # With these two, kill -9 loses no row. A power cut may lose the last rows, but never damages the file.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        for table in tables:
            connection.execute(table)
        with closing(connection.execute("PRAGMA quick_check(1)")) as check:
            if (verdict := check.fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(verdict)
    except BaseException:
        connection.close()
        raise
    return connection
