"""The ledger: no duplicate rows, no lost rows, no rows of missing photos."""

import logging
import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tasks.crawl.ledger.ledger import Ledger


def test_a_photo_is_found_by_its_location_and_mtime_key_only(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger", tmp_path / "photos") as ledger:
        put = ledger.put("a.jpg", b"\xff\xd8\xffone", "3-17")
        assert ledger.lookup("a.jpg", "3-17") == put
        assert ledger.lookup("a.jpg", "3-18") is None
        assert ledger.lookup("b.jpg", "3-17") is None
        assert (tmp_path / "photos" / put.file).read_bytes() == b"\xff\xd8\xffone"
        assert put.file.endswith(f"{put.sha256}.jpg")


def test_a_row_is_valid_only_while_its_file_is_intact(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger", tmp_path / "photos") as ledger:
        path = tmp_path / "photos" / ledger.put("a", b"photo").file
        path.rename(path.with_name(f".damaged-{path.name}"))
        assert ledger.lookup("a") is None
        ledger.put("a", b"photo")
        assert ledger.lookup("a")
        path.write_bytes(b"pho")
        assert ledger.lookup("a") is None


def test_many_threads_and_two_ledgers_of_one_file_write_one_row_per_location(tmp_path: Path) -> None:
    with (
        Ledger(tmp_path / "ledger", tmp_path / "photos") as one,
        Ledger(tmp_path / "ledger", tmp_path / "photos") as two,
        ThreadPoolExecutor(8) as pool,
    ):
        list(pool.map(lambda n: (one, two)[n % 2].put(f"location {n % 20}", b"photo %d" % (n % 5)), range(200)))
        assert all(one.lookup(f"location {n}") == two.lookup(f"location {n}") is not None for n in range(20))
    rows = sqlite3.connect(tmp_path / "ledger").execute("SELECT count(*) FROM brought").fetchone()
    assert rows == (20,)
    assert len(list((tmp_path / "photos").rglob("*.bin"))) == 5


def test_rows_written_before_a_kill_are_found_after_it(tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from tasks.crawl.ledger.ledger import Ledger
ledger = Ledger(Path({str(tmp_path / "ledger")!r}), Path({str(tmp_path / "photos")!r}))
for number in range(50):
    ledger.put(f"location {{number}}", b"photo %d" % number)
os.kill(os.getpid(), signal.SIGKILL)
"""
    repository = Path(__file__).parents[4]
    ended = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(repository)}, check=False)
    assert ended.returncode == -signal.SIGKILL
    with Ledger(tmp_path / "ledger", tmp_path / "photos") as ledger:
        assert all(ledger.lookup(f"location {number}") for number in range(50))
        assert ledger.lookup("location 50") is None


def test_a_damaged_ledger_is_renamed_and_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "ledger").write_bytes(b"this is no database" * 1000)
    with caplog.at_level(logging.WARNING), Ledger(tmp_path / "ledger", tmp_path / "photos") as ledger:
        assert ledger.lookup("a") is None
        ledger.put("a", b"photo")
    assert "is damaged" in caplog.text
    assert (tmp_path / ".damaged-ledger").exists()
    with Ledger(tmp_path / "ledger", tmp_path / "photos") as ledger:
        assert ledger.lookup("a")


def test_verify_detects_a_changed_photo_of_the_same_size_and_put_replaces_it(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger", tmp_path / "photos") as ledger:
        path = tmp_path / "photos" / ledger.put("a", b"photo").file
        path.write_bytes(b"phoTo")
        assert ledger.lookup("a")
    with Ledger(tmp_path / "ledger", tmp_path / "photos", verify=True) as ledger:
        assert ledger.lookup("a") is None
        ledger.put("a", b"photo")
        assert ledger.lookup("a")
    assert path.read_bytes() == b"photo"


@pytest.mark.parametrize(
    "change",
    [
        "file = '../outside.jpg'",
        "file = '/etc/passwd'",
        "file = ''",
        "file = x'00'",
        "file = 'ab/' || char(0)",
        "sha256 = 'x'",
        "bytes = 'many'",
        "bytes = -1",
        "width_px = 'wide'",
        "status = 'fine'",
        "etag = x'00'",
        "fetched_at = 'today'",
        "fetched_at = 5",
        "fetched_at = '2026-01-01'",
    ],
)
def test_a_row_with_other_content_than_the_ledger_writes_counts_as_lost(tmp_path: Path, change: str) -> None:
    (tmp_path / "outside.jpg").write_bytes(b"photo")
    with Ledger(tmp_path / "ledger.sqlite", tmp_path / "photos") as ledger:
        ledger.put("http://a.example/1.jpg", b"photo")
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as database, database:
        database.execute(f"UPDATE brought SET {change}")
    with Ledger(tmp_path / "ledger.sqlite", tmp_path / "photos") as ledger:
        assert ledger.lookup("http://a.example/1.jpg") is None
        assert ledger.lost(offline=True) == ["http://a.example/1.jpg"]
