"""A zip or tar file of a folder of photos: the same classes and notes as the folder, and nothing is unpacked."""

import io
import tarfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Literal
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pytest

from tasks.crawl.listing.archive import archive_members, list_archive
from tasks.crawl.listing.files import LocalFile
from tasks.crawl.listing.folder import FolderListing, list_folder
from tasks.crawl.listing.tar_file import TarredFile
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
    ((_, file),) = list_archive(path)[0].photos
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


def test_a_member_without_a_name_is_passed_over(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", "cat/1.jpg", "x")
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 28], data[entry + 30] = 0, 1  # the byte of its name is an extra field instead
    path.write_bytes(data)
    assert [name for name, _ in list_archive(path)[0].photos] == ["cat/1.jpg"]


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "a.zip", "w", ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("cat/1.bmp", b"BM" + bytes(51_000_000))
    with pytest.raises(OSError, match=r"packed from 51,000,002 to \d+,\d+ bytes, as no photo can be: leave it out"):
        only(tmp_path / "a.zip").read()


def test_an_encrypted_photo_is_missing(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", "cat/1.jpg")
    data = path.read_bytes()
    start = data.index(b"PK\x01\x02") + 8
    path.write_bytes(data[:start] + b"\x01" + data[start + 1 :])
    assert list_archive(path)[0].missing == [("cat/1.jpg", "encrypted: pack it without a password")]


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


def pack_tar(path: Path, *members: tarfile.TarInfo | str, mode: Literal["w", "w:gz"] = "w") -> Path:
    """Make a tar file whose files contain their own names."""
    with tarfile.open(path, mode) as archive:
        for member in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            content = f"content of {info.name}".encode() if info.isreg() else b""
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_a_tar_file_is_read_in_place(tmp_path: Path) -> None:
    path = pack_tar(
        tmp_path / "a.tar", "./photos/cat/1.jpg", "photos/dog/고양이.jpg", "photos/dog/2.jpg", "photos/x.txt"
    )
    listing = list_folder(path)
    assert classes(listing) == {"cat": ["cat/1.jpg"], "dog": ["dog/2.jpg", "dog/고양이.jpg"]}
    file = listing.classes["dog"][1].file
    assert (file.read(), file.read(at_most=7)) == ("content of photos/dog/고양이.jpg".encode(), b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]


def test_links_devices_and_names_that_lead_out_of_a_tar_file(tmp_path: Path) -> None:
    path = pack_tar(
        tmp_path / "a.tar",
        *("../../cat/1.jpg", "/dog/1.jpg"),
        member("cat/2.jpg", tarfile.SYMTYPE, "/etc/passwd"),
        member("dog/2.jpg", tarfile.CHRTYPE),
    )
    tree, _ = list_archive(path)
    assert [(name, file.read()) for name, file in tree.photos] == [
        ("cat/1.jpg", b"content of ../../cat/1.jpg"),
        ("dog/1.jpg", b"content of /dog/1.jpg"),
    ]
    problem = "a link in the tar file, no file: pack the file itself (tar --dereference)"
    assert tree.missing == [("cat/2.jpg", problem)]
    (link,) = [found.file for found in archive_members(path) if found.problem]
    assert link
    with pytest.raises(OSError, match="a link in the tar file"):
        link.read()


def test_a_tar_file_that_is_changed_or_cut_off_while_it_is_read(tmp_path: Path) -> None:
    path = pack_tar(tmp_path / "a.tar", "cat/1.jpg")
    file = only_photo(path)
    pack_tar(path, "cat/1.jpg", "cat/2.jpg")
    with pytest.raises(OSError, match="has been changed"):
        file.read()


def test_a_huge_member_is_not_read(tmp_path: Path) -> None:
    path = pack_tar(tmp_path / "a.tar", "cat/1.jpg")
    with pytest.raises(OSError, match="larger than 1,000 MB"):
        replace(only_photo(path), size=1_000_000_001).read()


def only_photo(path: Path) -> TarredFile:
    file = only(path)
    assert isinstance(file, TarredFile)
    return file


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("a.tar.gz", "gunzip .*a.tar.gz`, and use .*/a.tar$"), ("a.TXZ", "unxz .*a.TXZ`, and use .*/a.tar$")],
)
def test_a_compressed_tar_file_is_refused_without_unpacking_it(tmp_path: Path, name: str, remedy: str) -> None:
    with pytest.raises(UserError, match=f"of a compressed tar file can't be read one by one; .*{remedy}"):
        list_folder(pack_tar(tmp_path / name, "cat/1.jpg", mode="w:gz"))


def test_what_is_no_tar_file_is_refused(tmp_path: Path) -> None:
    whole = pack_tar(tmp_path / "whole.tar", "cat/1.jpg").read_bytes()
    path = tmp_path / "a.tar"
    for data in (b"", b"text", whole[:700], b"\0" * 100 + whole):
        path.write_bytes(data)
        with pytest.raises(UserError, match=r"a\.tar: no tar file, or not all of it \(.*\); copy or download it again"):
            list_folder(path)
