"""Folders and files that are written completely or not at all."""

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from tasks.store.atomic import atomic_folder, atomic_output, atomic_path
from tasks.store.errors import UserError


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_appears_when_it_is_complete(tmp_path: Path, there: bool) -> None:
    home = tmp_path / "above" / "folder"
    if there:
        home.mkdir(parents=True)
    with atomic_folder(home) as partial:
        (partial / "inner").mkdir()
        (partial / "inner" / "file").write_text("all")
        assert not (home / "inner").exists()
    assert (home / "inner" / "file").read_text() == "all"
    assert list(home.parent.iterdir()) == [home]


def test_a_failure_leaves_no_file(tmp_path: Path) -> None:
    def half(home: Path) -> None:
        with atomic_folder(home) as partial:
            (partial / "file").write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        half(tmp_path / "folder")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_exists_keeps_its_mode_and_its_files(tmp_path: Path) -> None:
    home = tmp_path / "heat"
    home.mkdir()
    home.chmod(0o750)
    (home / "old").write_text("old")
    (tmp_path / "link").symlink_to(home)
    with atomic_folder(tmp_path / "link") as partial:
        (partial / "new").write_text("new")
    assert sorted(path.name for path in home.iterdir()) == ["new", "old"]
    assert home.stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "link").is_symlink()


def test_a_failure_leaves_a_folder_that_exists_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")

    def half() -> None:
        with atomic_folder(tmp_path) as partial:
            (partial / "new").write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        half()
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("target", ["real.csv", "nowhere.csv"])
def test_a_link_is_followed_to_its_file(tmp_path: Path, target: str) -> None:
    (tmp_path / "real.csv").write_text("old")
    link = tmp_path / "link.csv"
    link.symlink_to(target)
    with atomic_output(link) as partial:
        partial.write_text("new")
    assert link.is_symlink()
    assert (tmp_path / target).read_text() == "new"


def _disk_is_full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    "error",
    [
        _disk_is_full(),
        OSError("[Errno 28] Error writing bytes to file. Detail: [errno 28] No space left on device"),
        RuntimeError("Unable to write (file write failed: errno = 28, error message = 'No space left on device')"),
        sqlite3.OperationalError("database or disk is full"),
        ValueError("x.pb; Disk quota exceeded"),
    ],
)
@pytest.mark.parametrize("write", [atomic_path, atomic_output, atomic_folder])
def test_a_full_disk_is_named_by_its_file_and_nothing_stays(tmp_path: Path, write, error: Exception) -> None:
    path = tmp_path / "result.csv"

    def fail() -> None:
        with write(path):
            raise error

    with pytest.raises(OSError, match=r"result\.csv") as raised:
        fail()
    assert raised.value.filename == str(path)
    assert raised.value.errno == (errno.EDQUOT if "quota" in str(error) else errno.ENOSPC)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_behind_another_error_is_found(tmp_path: Path) -> None:
    def fail() -> None:
        with atomic_path(tmp_path / "x"):
            try:
                raise _disk_is_full()
            except OSError as error:
                raise RuntimeError("could not save") from error

    with pytest.raises(OSError, match="No space left"):
        fail()


@pytest.mark.parametrize(
    "error", [KeyError("x"), FileNotFoundError(errno.ENOENT, "no", "/other"), UserError("mend it")]
)
def test_other_errors_pass_unchanged(tmp_path: Path, error: Exception) -> None:
    def fail() -> None:
        with atomic_path(tmp_path / "x"):
            raise error

    with pytest.raises(type(error)) as raised:
        fail()
    assert raised.value is error
