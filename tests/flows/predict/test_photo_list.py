"""The photos to predict are listed as the crawl lists them."""

import os
import unicodedata
from pathlib import Path

import pytest

from flows.predict.photo_list import list_photos
from tasks.store.errors import UserError


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def names(source: Path) -> list[str]:
    return [name for name, _ in list_photos(source).photos]


def test_a_folder_is_listed_as_the_crawl_lists_it(tmp_path: Path) -> None:
    make(
        tmp_path / "in", "b.JPG", "a/deep/c.heic", ".hidden/d.jpg", "a/._c.jpg", "#recycle/e.jpg", "notes.txt", "f.cr2"
    )
    make(tmp_path / "in", "data/artifacts/x.jpg", "data/pools/y.jpg")
    make(tmp_path / "elsewhere", "g.png")
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "up").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "gone.jpg").symlink_to("nowhere")
    os.mkfifo(tmp_path / "in" / "pipe.jpg")
    listed = list_photos(tmp_path / "in")
    assert [name for name, _ in listed.photos] == ["a/deep/c.heic", "b.JPG", "linked/g.png"]
    assert [path.read_bytes().decode() for _, path in listed.photos] == ["a/deep/c.heic", "b.JPG", "g.png"]
    said = "\n".join(listed.notes)
    for what in ("passed over: #recycle", "passed over: data", "passed over: pipe.jpg", "1 .cr2", "gone.jpg (a link"):
        assert what in said


@pytest.mark.parametrize("what", ["fifo", "/dev/zero", "/dev/null"])
def test_a_pipe_or_a_device_is_refused(tmp_path: Path, what: str) -> None:
    source = tmp_path / "pipe.jpg"
    if what == "fifo":
        os.mkfifo(source)
    else:
        source.symlink_to(what)
    with pytest.raises(UserError, match="is a pipe or a device, not a photo"):
        list_photos(source)


def test_a_photo_is_its_own_list_whatever_its_name(tmp_path: Path) -> None:
    assert names(make(tmp_path, "photo") / "photo") == ["photo"]


def test_names_are_as_a_keyboard_types_them(tmp_path: Path) -> None:
    assert names(make(tmp_path, unicodedata.normalize("NFD", "é/유리.jpg"))) == ["é/유리.jpg"]


def test_nothing_to_predict_is_an_error_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere: no such file or folder"):
        list_photos(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"contains no photos \(\.avif .*1 files are left out.*1 \.cr2"):
        list_photos(make(tmp_path, "in/a.cr2") / "in")
