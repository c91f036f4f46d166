"""The data folder: missing, not writable, nearly full, with a damaged record."""

import errno
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from flows.doctor import data_folder
from flows.doctor.finding import Finding


def look(root: Path) -> dict[str, Finding]:
    return {finding.what: finding for finding in data_folder.examine(root)}


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What is free on the disk, in bytes."""
    usage = SimpleNamespace(free=10**12)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    return usage


@pytest.mark.usefixtures("free")
def test_a_folder_that_works_has_no_problem_and_is_left_as_it_was(tmp_path: Path) -> None:
    found = look(tmp_path / "new")
    assert found["data folder"].seen == f"{tmp_path / 'new'}: the first run makes it"
    assert not (tmp_path / "new").exists()
    found |= look(tmp_path)
    assert found["runs"].seen == "0"
    assert [finding.problem for finding in found.values()] == ["", "", ""]


def test_a_folder_that_cannot_be_written_stops_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, data: bytes) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    found = look(tmp_path)["data folder"]
    assert found.stops_runs
    assert str(tmp_path) in found.problem
    assert "set FLUKE_DATA" in found.problem


def test_a_folder_that_cannot_be_made_stops_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(dir: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(dir))

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    found = look(tmp_path / "a" / "b")["data folder"]
    assert found.stops_runs
    assert found.problem.startswith(f"{tmp_path}: read-only file system")


def test_a_file_in_place_of_a_parent_stops_runs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert look(tmp_path / "file" / "data")["data folder"].stops_runs


def test_a_drive_that_cannot_lock_files_stops_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: object, mode: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)
    found = look(tmp_path)["data folder"]
    assert found.stops_runs
    assert "locks" in found.problem


@pytest.mark.parametrize(("left", "stops"), [(1_900_000_000, False), (100_000_000, True)])
def test_a_disk_that_is_nearly_full_is_named(tmp_path: Path, free: SimpleNamespace, left: int, stops: bool) -> None:
    free.free = left
    found = look(tmp_path)["disk"]
    assert found.stops_runs == stops
    assert str(tmp_path) in found.problem
    assert "fluke prune" in found.problem


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "x.json").write_text("{")
    found = look(tmp_path)["runs"]
    assert found.stops_runs
    assert str(tmp_path / "runs" / "x.json") in found.problem
