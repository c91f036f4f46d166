"""An SQLite file that several threads and processes write to, and that survives kill -9 at any point."""

import errno
import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from tasks.store.errors import TransientError
from tasks.store.file_errors import DAMAGED, is_nearly_full
from tasks.store.permissions import create, file_lock, make_private_folder

logger = logging.getLogger("fluke.crawl")

_TIMEOUT_S = 60
"""How long to wait for another program that has locked the file."""
_NUMBERS = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_READONLY: errno.EACCES,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
    sqlite3.SQLITE_AUTH: errno.EACCES,
}
"""The error of the file system that each of SQLite's stands for."""


class Database:
    """A connection to an SQLite file; each statement is its own transaction."""

    def __init__(self, path: Path, tables: Sequence[str]) -> None:
        """Open the file, or create it with the access that the umask gives; SQLite's other files get the same.

        A damaged file is renamed to `.damaged-NAME`, with a warning, and replaced by an empty one.

        Args:
            path: the file.
            tables: statements `CREATE TABLE IF NOT EXISTS ...`.

        Raises:
            OSError: the file or its folder isn't writable, or the disk is full; it names the file.
            TransientError: another program has locked the file.
        """
        self._lock = Lock()
        self._path = path
        make_private_folder(path.parent)
        # Two processes that find the same damaged file must rename it only once.
        with file_lock(path.with_name(f".{path.name}.lock")), _named(path):
            self._connection = self._open_or_replace(path, tables)

    def _open_or_replace(self, path: Path, tables: Sequence[str]) -> sqlite3.Connection:
        try:
            return _open(path, tables)
        except sqlite3.OperationalError:  # the file itself isn't damaged
            raise
        except sqlite3.DatabaseError as error:
            logger.warning("%s is damaged (%s): a new database is created, and photos are fetched again", path, error)
            for part in (path, *path.parent.glob(f"{path.name}-*")):  # the write-ahead log belongs to the file
                part.replace(part.with_name(f"{DAMAGED}{part.name}"))
            return _open(path, tables)

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows. Safe from any thread until `close`; errors as for the constructor."""
        with self._lock, _named(self._path):
            return self._connection.execute(statement, values).fetchall()

    def execute_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> int:
        """Run a statement once per row, for all rows or for none; return the number of changed table rows."""
        with self._lock, _named(self._path):
            before = self._connection.total_changes
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(statement, rows)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # on a full disk SQLite has rolled back itself
                    self._connection.execute("ROLLBACK")
                raise
            return self._connection.total_changes - before

    def close(self) -> None:
        """Close the file; a thread that still writes gets sqlite3.ProgrammingError."""
        with self._lock:
            self._connection.close()


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about the file, which don't say which file it is, into errors that do."""
    try:
        yield
    except sqlite3.OperationalError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest says more about the same error
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise TransientError(
                f"{path} is locked: another program has it open and didn't let go for {_TIMEOUT_S} s; close that "
                f"program (`fuser {path}` names it), and run the same command again"
            ) from error
        number = _NUMBERS.get(code)
        if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and is_nearly_full(path):
            number = errno.ENOSPC  # SQLite doesn't tell why it can't extend the files next to the database
        if number:
            raise OSError(number, os.strerror(number), str(_in_the_way(path))) from error
        raise


def _in_the_way(path: Path) -> Path:
    """Return the file that can't be written: the database, or a file that SQLite has written next to it."""
    parts = [path.with_name(f"{path.name}{suffix}") for suffix in ("", "-wal", "-shm")]
    return next((part for part in parts if part.exists() and not os.access(part, os.R_OK | os.W_OK)), path)


def _open(path: Path, tables: Sequence[str]) -> sqlite3.Connection:
    try:
        create(path)  # SQLite would create it with mode 644 at most, whatever the umask is
    except FileExistsError:
        if not path.is_file():
            raise
    connection = sqlite3.connect(path, timeout=_TIMEOUT_S, isolation_level=None, check_same_thread=False)
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
