"""Errors of the file system: the file, what is wrong, who may mend it, and how."""

import errno
import os
from pathlib import Path

import pytest

from flows import file_problems
from flows.file_problems import problem
from tasks.store import file_errors
from tasks.store.file_errors import remove_folder


def error(number: int, path: Path | None = None) -> OSError:
    return OSError(number, os.strerror(number), *([str(path)] if path else []))


def raised(path: Path, make) -> OSError:
    with pytest.raises(OSError) as found:  # noqa: PT011 - any of them
        make(path)
    return found.value


def test_a_full_disk_names_its_place_and_the_free_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = file_problems.shutil.disk_usage(tmp_path)._replace(free=123_456)
    monkeypatch.setattr(file_problems.shutil, "disk_usage", lambda path: usage)
    in_data = problem(error(errno.ENOSPC, tmp_path / "data" / "runs" / "x.json"), tmp_path / "data")
    elsewhere = problem(error(errno.ENOSPC, tmp_path / "out.csv"), tmp_path / "data")
    assert in_data
    assert elsewhere
    assert in_data.startswith(f"{tmp_path}/data/runs/x.json: no space left on the disk (0.1 MB are free); ")
    assert in_data.endswith("it continues after the last finished stage")
    assert elsewhere.startswith(f"{tmp_path}/out.csv: no space left on the disk (0.1 MB are free); ")
    assert "name a place on another disk" in elsewhere
    assert "last finished stage" not in elsewhere


def test_a_place_on_another_disk_is_not_helped_by_prune(tmp_path: Path) -> None:
    if not Path("/proc/self").exists() or Path("/proc").stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs another file system")
    said = problem(error(errno.EDQUOT, Path("/proc/out.csv")), tmp_path)
    assert said
    assert "prune" not in said
    assert "the quota of this user is used up" in said


def _denied(monkeypatch: pytest.MonkeyPatch, path: Path, *, ours: bool) -> None:
    """Let a file or folder be closed for this process, which may be root."""
    real = os.access
    monkeypatch.setattr(file_problems.os, "access", lambda p, mode: Path(p) != path and real(p, mode))
    if not ours:
        monkeypatch.setattr(file_problems.os, "geteuid", lambda: 47_001)


@pytest.mark.parametrize("blocking", ["data", "data/runs", "data/runs/x.json"])
def test_what_keeps_a_file_from_being_written_is_named_with_owner_mode_and_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocking: str
) -> None:
    path = tmp_path / "data" / "runs" / "x.json"
    path.parent.mkdir(parents=True)
    path.touch()
    (tmp_path / blocking).chmod(0o640)
    _denied(monkeypatch, tmp_path / blocking, ours=False)
    said = problem(error(errno.EACCES, path), tmp_path / "data")
    assert said
    assert said.startswith(f"{path}: permission denied for user 47001 (")
    assert "belongs to " in said
    assert "with mode 0640" in said
    assert f"chmod g+rw{'X' * (blocking != 'data/runs/x.json')} {tmp_path / blocking})" in said
    assert "umask 002" in said


def test_a_file_of_our_own_is_made_writable_by_ourselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.csv"
    path.touch()
    _denied(monkeypatch, path, ours=True)
    said = problem(error(errno.EACCES, path), tmp_path / "data")
    assert said
    assert f"chmod u+rw {path}" in said
    assert said.endswith("or name another place")


def _file_above(path: Path) -> None:
    path.write_text("file")
    (path / "inner").mkdir(parents=True)


def _file(path: Path) -> None:
    path.write_text("file")
    path.mkdir()


def _folder(path: Path) -> None:
    path.mkdir()
    path.write_text("text")


def _link_for_folder(path: Path) -> None:
    path.symlink_to("nowhere")
    path.mkdir(exist_ok=True)


def _link_above(path: Path) -> None:
    path.symlink_to("nowhere")
    (path / "x").write_text("text")


def _loop(path: Path) -> None:
    path.symlink_to(path)
    path.write_text("text")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_file_above, "is a file, but must be a folder; move it away"),
        (_file, "is a file, but must be a folder; move it away"),
        (_folder, "is a folder, but must be a file; move it away"),
        (_link_for_folder, "is a link to nowhere, which does not exist; create that, or delete the link"),
        (_link_above, "is a link to nowhere, which does not exist; create that, or delete the link"),
        (_loop, "which does not exist; create that, or delete the link"),
    ],
)
def test_the_wrong_kind_of_thing_is_named(tmp_path: Path, make, says: str) -> None:
    said = problem(raised(tmp_path / "thing", make), tmp_path)
    assert said
    assert said.startswith(f"{tmp_path / 'thing'} is ")
    assert says in said


@pytest.mark.parametrize("number", [errno.ENAMETOOLONG, errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENOLCK])
def test_other_errors_have_a_remedy(tmp_path: Path, number: int) -> None:
    said = problem(error(number, tmp_path / "x"), tmp_path)
    assert said
    assert said.startswith(f"{tmp_path / 'x'}: {os.strerror(number).lower()}; ")


def test_a_file_that_fluke_itself_has_lost_stays_an_internal_error(tmp_path: Path) -> None:
    assert problem(error(errno.ENOENT, tmp_path / "gone" / "x.npy"), tmp_path) is None


def test_a_folder_that_cannot_be_deleted_names_the_one_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "artifact" / "closed"
    closed.mkdir(parents=True)

    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "a bare name")

    monkeypatch.setattr(file_errors.shutil, "rmtree", refuse)
    monkeypatch.setattr(file_errors.os, "access", lambda path, mode: path != closed)
    with pytest.raises(PermissionError) as found:
        remove_folder(tmp_path / "artifact")
    assert found.value.filename == str(closed)
