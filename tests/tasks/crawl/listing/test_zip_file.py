"""A zip file of a folder of photos: the same classes and notes as the folder, and nothing is unpacked."""

import warnings
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pytest

from tasks.crawl.listing.files import LocalFile
from tasks.crawl.listing.folder import FolderListing, list_folder
from tasks.crawl.listing.zip_file import list_zip
from tasks.store.errors import UserError


def pack(path: Path, *names: str) -> Path:
    """Make a zip file whose files contain their own names."""
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, f"content of {name}")
    return path


def classes(listing: FolderListing) -> dict[str, list[str]]:
    return {label: [photo.name for photo in photos] for label, photos in listing.classes.items()}


def only(path: Path) -> LocalFile:
    ((_, file),) = list_zip(path)[0].photos
    return file


def test_its_folders_are_the_classes_and_its_photos_are_read_in_place(tmp_path: Path) -> None:
    listing = list_folder(pack(tmp_path / "a.zip", "cat/1.jpg", "cat/2.jpg", "dog/1.jpg"))
    assert classes(listing) == {"cat": ["cat/1.jpg", "cat/2.jpg"], "dog": ["dog/1.jpg"]}
    assert listing.notes == []
    file = listing.classes["dog"][0].file
    assert (file.read(), file.read(at_most=7)) == (b"content of dog/1.jpg", b"content")
    assert file.path == f"{tmp_path}/a.zip/dog/1.jpg"
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


@pytest.mark.parametrize("top", ["photos", "A"])
def test_a_folder_around_the_classes_is_left_out(tmp_path: Path, top: str) -> None:
    names = (f"{top}/", f"{top}/cat/1.jpg", f"{top}/dog/1.jpg", "__MACOSX/._x")
    listing = list_folder(pack(tmp_path / "a.zip", *names))
    assert classes(listing) == {"cat": ["cat/1.jpg"], "dog": ["dog/1.jpg"]}
    assert listing.notes == []


def test_a_folder_that_may_be_a_class_is_named(tmp_path: Path) -> None:
    listing = list_folder(pack(tmp_path / "a.zip", "cat/2025/1.jpg", "cat/2026/1.jpg"))
    assert set(listing.classes) == {"2025", "2026"}
    assert listing.notes == [
        f"{tmp_path}/a.zip: all its photos are in cat/, so the folders in there are taken as the classes"
    ]


def test_a_split_is_kept(tmp_path: Path) -> None:
    names = [f"{part}/{label}/{i}.jpg" for part in ("train", "test") for label in ("cat", "dog") for i in range(2)]
    listing = list_folder(pack(tmp_path / "a.zip", *names))
    assert {label: dict(counts) for label, counts in listing.split_counts().items()} == {
        "cat": {"train": 2, "test": 2},
        "dog": {"train": 2, "test": 2},
    }


def test_what_is_no_photo_is_passed_over_as_in_a_folder(tmp_path: Path) -> None:
    listing = list_folder(
        pack(tmp_path / "a.zip", "cat/1.jpg", "cat/.1.jpg", "dog/1.jpg", "dog/x.psd", "@eaDir/1.jpg", "bird/")
    )
    assert classes(listing) == {"cat": ["cat/1.jpg"], "dog": ["dog/1.jpg"]}
    assert listing.tree.junk == {"@eaDir": 1}
    text = "\n".join(listing.notes)
    assert "@eaDir" in text
    assert ".psd" in text
    assert "bird" in text


def test_names_in_utf8_without_the_flag_and_with_backslashes(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with ZipFile(path, "w") as archive:
        archive.writestr(ZipInfo("고양이\\1.jpg"), b"1")
        archive.writestr(ZipInfo("개/1.jpg"), b"2")
    data = path.read_bytes().replace(b"\x00\x08", b"\x00\x00")  # the flag of UTF-8, in both places of each file
    path.write_bytes(data)
    assert set(classes(list_folder(path))) == {"고양이", "개"}


def test_a_damaged_photo_says_so_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with ZipFile(path, "w") as archive:
        archive.writestr("cat/1.jpg", b"here it is")
    path.write_bytes(path.read_bytes().replace(b"here it is", b"here it IS"))
    with pytest.raises(OSError, match="damaged in the zip file"):
        only(path).read()


def test_an_encrypted_photo_is_missing(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", "cat/1.jpg")
    data = path.read_bytes()
    start = data.index(b"PK\x01\x02") + 8
    path.write_bytes(data[:start] + b"\x01" + data[start + 1 :])
    assert list_zip(path)[0].missing == [("cat/1.jpg", "encrypted: pack it without a password")]


def test_a_key_changes_with_the_content_only(tmp_path: Path) -> None:
    first = only(pack(tmp_path / "a.zip", "cat/1.jpg"))
    again = only(pack(tmp_path / "a.zip", "cat/1.jpg"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name twice: the last one counts
        with ZipFile(tmp_path / "a.zip", "a") as archive:
            archive.writestr("cat/1.jpg", b"other")
    other = only(tmp_path / "a.zip")
    assert first.mtime_key == again.mtime_key != other.mtime_key
    assert other.read() == b"other"


def test_what_is_no_zip_file_is_refused(tmp_path: Path) -> None:
    whole = pack(tmp_path / "whole.zip", "cat/1.jpg").read_bytes()
    path = tmp_path / "a.zip"
    for data in (b"", b"text", whole[:-30]):
        path.write_bytes(data)
        with pytest.raises(UserError, match=r"a\.zip: no zip file, or not all of it \(.*\); copy or download it again"):
            list_folder(path)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(
        UserError, match=r"a\.txt is a file; set crawl\.path to a folder with one sub-folder per class or a"
    ):
        list_folder(tmp_path / "a.txt")
