"""Logs stay within a number of bytes, also those that a server keeps open."""

import os
from pathlib import Path

import pytest

from flows import log_rotation
from tasks.store.paths import open_log


def test_a_large_log_that_is_being_written_begins_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_rotation, "MAX_BYTES", 100)
    path = tmp_path / "server" / "server.log"
    path.parent.mkdir()
    with open_log(path) as log:
        for line in range(3):
            os.write(log.fileno(), f"{line}".encode() * 60)
            log_rotation.rotate(tmp_path)
        os.write(log.fileno(), b"the end")
    assert path.read_bytes() == b"2" * 60 + b"the end"
    assert path.with_name("server.log.1").read_bytes() == b"0" * 40 + b"1" * 60


def test_small_logs_and_links_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_rotation, "MAX_BYTES", 100)
    (tmp_path / "logs").mkdir()
    outside = tmp_path / "precious"
    outside.write_bytes(b"x" * 200)
    (tmp_path / "logs" / "native.log").symlink_to(outside)
    (tmp_path / "logs" / "error.log").write_bytes(b"x" * 100)
    log_rotation.rotate(tmp_path)
    assert (outside.stat().st_size, len(list((tmp_path / "logs").iterdir()))) == (200, 2)
