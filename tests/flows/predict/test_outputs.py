"""Places for results are checked before anything is computed."""

import os
from pathlib import Path

import pytest

from flows.predict import outputs
from tasks.store.errors import UserError


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("folder.csv", "this is a folder; name a file"),
        ("pipe.csv", "this is a pipe or a device; name a file"),
        ("nowhere/x.csv", "the folder does not exist; create it first"),
        ("file/x.csv", "the folder does not exist; create it first"),
        ("lost.csv", "whose folder does not exist; create that first"),
        ("loop.csv", "it is a link to itself"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "lost.csv").symlink_to("nowhere/lost.csv")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    with pytest.raises((UserError, OSError), match=says):
        outputs.check_file("--out", tmp_path / name)


@pytest.mark.parametrize("name", ["new.csv", "file.csv", "link.csv", "new-link.csv"])
def test_a_file_that_can_be_written_is_accepted(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.csv").touch()
    (tmp_path / "link.csv").symlink_to("file.csv")
    (tmp_path / "new-link.csv").symlink_to("new.csv")
    outputs.check_file("--out", tmp_path / name)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("file", "this is a file; name a folder"),
        ("file/new", "file is no folder; name another place"),
        ("lost", "it is a link to nowhere, which is no folder"),
        ("lost/new", "lost is no folder; name another place"),
    ],
)
def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "lost").symlink_to("nowhere")
    with pytest.raises(UserError, match=says):
        outputs.check_folder("--heat-maps", tmp_path / name)


@pytest.mark.parametrize("name", ["out.csv", "new.csv", "folder"])
def test_a_place_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / "out.csv").touch()
    monkeypatch.setattr(outputs.os, "access", lambda path, mode: False)
    check = outputs.check_folder if name == "folder" else outputs.check_file
    with pytest.raises(PermissionError) as raised:
        check("--out", tmp_path / name)
    assert raised.value.filename == str(tmp_path / name if name == "out.csv" else tmp_path)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("우리 고양이 001", "우리_고양이_001"),
        ("Cafe\u0301", "Café"),
        ("../x", "___x"),
        ("हिन्दी", "हिन्दी"),
        ("사" * 90, "사" * 40),
    ],
)
def test_a_folder_is_named_so_that_people_can_read_it(name: str, folder: str) -> None:
    assert outputs.readable_name(name) == folder
