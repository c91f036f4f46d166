"""The ledger: nothing twice, nothing lost, nothing believed that isn't there."""

import logging
import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.crawl.ledger.ledger import Ledger


def test_a_place_is_known_with_its_stamp_only(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger", tmp_path / "photos") as ledger:
        put = ledger.put("a.jpg", b"\xff\xd8\xffone", "3-17")
        assert ledger.known("a.jpg", "3-17") == put
        assert ledger.known("a.jpg", "3-18") is None
        assert ledger.known("b.jpg", "3-17") is None
        assert (tmp_path / "photos" / put.file).read_bytes() == b"\xff\xd8\xffone"
        assert put.file.endswith(f"{put.sha256}.jpg")


def test_a_row_counts_only_while_its_photo_is_whole(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger", tmp_path / "photos") as ledger:
        path = tmp_path / "photos" / ledger.put("a", b"photo").file
        path.rename(path.with_name(f".damaged-{path.name}"))
        assert ledger.known("a") is None
        ledger.put("a", b"photo")
        assert ledger.known("a")
        path.write_bytes(b"pho")
        assert ledger.known("a") is None


def test_many_threads_and_two_ledgers_of_one_file_leave_one_row_a_place(tmp_path: Path) -> None:
    with (
        Ledger(tmp_path / "ledger", tmp_path / "photos") as one,
        Ledger(tmp_path / "ledger", tmp_path / "photos") as two,
        ThreadPoolExecutor(8) as pool,
    ):
        list(pool.map(lambda n: (one, two)[n % 2].put(f"place {n % 20}", b"photo %d" % (n % 5)), range(200)))
        assert all(one.known(f"place {n}") == two.known(f"place {n}") is not None for n in range(20))
    rows = sqlite3.connect(tmp_path / "ledger").execute("SELECT count(*) FROM brought").fetchone()
    assert rows == (20,)
    assert len(list((tmp_path / "photos").rglob("*.bin"))) == 5


def test_what_was_put_before_a_kill_is_known_after_it(tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from tasks.crawl.ledger.ledger import Ledger
ledger = Ledger(Path({str(tmp_path / "ledger")!r}), Path({str(tmp_path / "photos")!r}))
for number in range(50):
    ledger.put(f"place {{number}}", b"photo %d" % number)
os.kill(os.getpid(), signal.SIGKILL)
"""
    repository = Path(__file__).parents[4]
    ended = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(repository)}, check=False)
    assert ended.returncode == -signal.SIGKILL
    with Ledger(tmp_path / "ledger", tmp_path / "photos") as ledger:
        assert all(ledger.known(f"place {number}") for number in range(50))
        assert ledger.known("place 50") is None


def test_a_damaged_ledger_is_put_aside_and_begun_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "ledger").write_bytes(b"this is no database" * 1000)
    with caplog.at_level(logging.WARNING), Ledger(tmp_path / "ledger", tmp_path / "photos") as ledger:
        assert ledger.known("a") is None
        ledger.put("a", b"photo")
    assert "is damaged" in caplog.text
    assert (tmp_path / ".damaged-ledger").exists()
    with Ledger(tmp_path / "ledger", tmp_path / "photos") as ledger:
        assert ledger.known("a")


def test_a_changed_photo_of_the_same_size_is_found_when_verifying_and_put_right(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger", tmp_path / "photos") as ledger:
        path = tmp_path / "photos" / ledger.put("a", b"photo").file
        path.write_bytes(b"phoTo")
        assert ledger.known("a")
    with Ledger(tmp_path / "ledger", tmp_path / "photos", verify=True) as ledger:
        assert ledger.known("a") is None
        ledger.put("a", b"photo")
        assert ledger.known("a")
    assert path.read_bytes() == b"photo"
