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


def listed(folder: Path, text: str) -> tuple[dict[str, str], list[str]]:
    """Return the file that each name of a CSV means, below its folder, and the notes."""
    (folder / "list.csv").write_text(text, encoding="utf-8")
    found = list_photos(folder / "list.csv")
    return {name: str(path.relative_to(folder)) for name, path in found.photos}, found.notes


def test_a_csv_names_photos_in_other_spellings_and_its_own_names_stay(tmp_path: Path) -> None:
    make(tmp_path, "a/0a1b.JPG", "b c.jpg", "\u00e9.jpg", "=x.jpg", "plain.jpg")
    photos, notes = listed(tmp_path, "image;note\na\\0a1b;\nb%20c.jpg;\ne\u0301.jpg;\n'=x.jpg;\nplain.jpg;\n")
    assert photos == {
        "a\\0a1b": "a/0a1b.JPG",
        "b%20c.jpg": "b c.jpg",
        "e\u0301.jpg": "\u00e9.jpg",
        "=x.jpg": "=x.jpg",
        "plain.jpg": "plain.jpg",
    }
    said = "\n".join(notes)
    assert "image is read as Image" in said
    assert "3 names are written differently and were found" in said


def test_a_table_of_excel_may_be_called_txt(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "list.txt").write_text("Image\tId\r\na.jpg\tx\r\nb.jpg\ty\r\n", encoding="utf-16")
    assert names(tmp_path / "list.txt") == ["a.jpg", "b.jpg"]


def test_photos_of_a_csv_that_are_not_there_are_said(tmp_path: Path) -> None:
    make(tmp_path, "in/a.jpg", "in/b.jpg")
    photos, notes = listed(tmp_path, "Image,Id\na.jpg,\nin/b.jpg,\n,x\n")
    assert photos == {"a.jpg": "a.jpg", "in/b.jpg": "in/b.jpg"}
    assert notes[0].endswith("1 rows have no Image and are left out (line 4)")
    assert "1 of 2 photos are not in" in notes[1]
    assert "a.jpg (in/a.jpg is there); their rows have an error" in notes[1]


def test_a_csv_that_is_not_clear_is_refused(tmp_path: Path) -> None:
    make(tmp_path, "two.jpg", "two.png")
    for text, says in (
        ("filename\ntwo.jpg\n", "did you mean a column Image instead of filename"),
        ('Image,note\ntwo.jpg,"12 inch\ntwo.png,\n', "line 2: a quote opens here, but it is not closed"),
        ("Image,Id\ntwo.jpg,Maple, red\n", "line 2: 3 values, but the header has 2 columns"),
        ("Image\ntwo\n", r"two can be two\.jpg or two\.png"),
    ):
        with pytest.raises(UserError, match=says):
            listed(tmp_path, text)
