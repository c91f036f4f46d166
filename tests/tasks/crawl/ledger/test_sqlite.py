"""The ledger's file: its access, and errors that name it."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tasks.crawl.ledger import sqlite
from tasks.crawl.ledger.sqlite import Database
from tasks.store.errors import TransientError, UserError

TABLE = "CREATE TABLE IF NOT EXISTS t (a TEXT)"


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_all_files_of_the_ledger_follow_the_umask(tmp_path: Path, mask: int, mode: int) -> None:
    with umask(mask), closing(Database(tmp_path / "ledger.sqlite", [TABLE])) as database:
        database.execute_many("INSERT INTO t VALUES (?)", [("a",)])
        found = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    parts = ("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", ".ledger.sqlite.lock")
    assert found == dict.fromkeys(parts, mode)


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_another_program_that_has_locked_the_ledger_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, journal: str
) -> None:
    monkeypatch.setattr(sqlite, "_TIMEOUT_S", 0.2)
    path = tmp_path / "ledger.sqlite"
    Database(path, [TABLE]).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"PRAGMA journal_mode = {journal}")
        other.execute("BEGIN EXCLUSIVE")

        def use() -> None:
            with closing(Database(path, [TABLE])) as database:
                database.execute("INSERT INTO t VALUES ('a')")

        with pytest.raises(TransientError, match=r"ledger\.sqlite is locked: another program has it open"):
            use()
        other.execute("ROLLBACK")
    use()


def test_a_lock_while_rows_are_written_is_reported_and_the_connection_stays_usable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_TIMEOUT_S", 0.2)
    path = tmp_path / "ledger.sqlite"
    with closing(Database(path, [TABLE])) as database, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UserError, match="another program has it open"):
            database.execute_many("INSERT INTO t VALUES (?)", [("a",), ("b",)])
        other.execute("ROLLBACK")
        assert database.execute_many("INSERT INTO t VALUES (?)", [("a",), ("b",)]) == 2


def test_a_full_disk_is_reported_with_the_ledger_and_no_row_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(Database(path, [TABLE])) as database:
        database.execute("INSERT INTO t VALUES ('kept')")
        database.execute("PRAGMA max_page_count = 2")
        with pytest.raises(OSError, match="No space left") as raised:
            database.execute_many("INSERT INTO t VALUES (?)", [("x" * 9000,)])
        assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(path))
        database.execute("PRAGMA max_page_count = 1000")
        assert database.execute("SELECT a FROM t") == [("kept",)]


def test_a_ledger_that_is_not_writable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(Database(path, [TABLE])) as database:
        database.execute("PRAGMA query_only = 1")
        with pytest.raises(PermissionError) as raised:
            database.execute("INSERT INTO t VALUES ('a')")
    assert raised.value.filename == str(path)


@pytest.mark.parametrize("kind", ["folder", "dangling link"])
def test_what_is_no_file_is_not_taken_for_a_damaged_ledger(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "ledger.sqlite"
    if kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("nowhere/ledger")
    with pytest.raises(FileExistsError):
        Database(path, [TABLE])
    assert not list(tmp_path.glob(".damaged-*"))
