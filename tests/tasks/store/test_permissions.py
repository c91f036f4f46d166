"""Files follow the umask; photos are private."""

import os
import stat
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tasks.images import photo_files
from tasks.store import atomic, permissions
from tasks.store.permissions import create, file_lock, keep_access, make_private_folder
from tasks.store.shards import Shard

SetUmask = Callable[[int], None]
UMASKS = pytest.mark.parametrize(
    ("umask", "folder", "file"), [(0o022, 0o755, 0o644), (0o002, 0o775, 0o664), (0o077, 0o700, 0o600)]
)
PRIVATE = pytest.mark.parametrize(
    ("umask", "folder", "file"), [(0o022, 0o700, 0o600), (0o002, 0o770, 0o660), (0o077, 0o700, 0o600)]
)


@pytest.fixture
def set_umask() -> Iterator[SetUmask]:
    """Sets the umask until the test ends."""
    before = os.umask(0o022)

    def change(mask: int) -> None:
        os.umask(mask)

    yield change
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@UMASKS
def test_files_and_folders_follow_the_umask(
    tmp_path: Path, set_umask: SetUmask, umask: int, folder: int, file: int
) -> None:
    set_umask(umask)
    atomic.atomic_write(tmp_path / "new" / "file.csv", b"text")
    with atomic.atomic_folder(tmp_path / "folder") as partial:
        (partial / "inner").write_text("text")
    with atomic.atomic_output(tmp_path / "out.csv") as partial:
        partial.write_text("text")
    with file_lock(tmp_path / "locks" / "a.lock"):
        pass
    assert {mode(tmp_path / name) for name in ("new", "folder", "locks")} == {folder}
    files = ("new/file.csv", "folder/inner", "out.csv", "locks/a.lock")
    assert {mode(tmp_path / name) for name in files} == {file}


def test_the_umask_is_not_changed_even_for_a_moment(
    tmp_path: Path, set_umask: SetUmask, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_umask(0o027)
    with monkeypatch.context() as patched:
        patched.delattr(os, "umask")
        atomic.atomic_write(tmp_path / "file", b"text")
        photo_files.put(tmp_path / "photos", b"photo")
    assert mode(tmp_path / "file") == 0o640


@PRIVATE
def test_photos_and_tiles_are_private(tmp_path: Path, set_umask: SetUmask, umask: int, folder: int, file: int) -> None:
    set_umask(umask)
    _, photo = photo_files.put(tmp_path / "photos", b"photo")
    make_private_folder(tmp_path / "pools", top=tmp_path / "pools")
    shard = Shard.write(tmp_path / "pools" / "preprocess" / "key", ["a"], np.zeros((1, 2)))
    made = [photo.parent, photo.parent.parent, *shard.path.parents[:3]]
    assert {mode(path) for path in made} == {folder}
    assert {mode(path) for path in (photo, shard.path, shard.path.with_suffix(".json"))} == {file}


def test_in_a_team_folder_the_group_is_kept(tmp_path: Path, set_umask: SetUmask) -> None:
    set_umask(0o002)
    tmp_path.chmod(0o2775)
    _, photo = photo_files.put(tmp_path / "photos", b"photo")
    assert mode(photo.parent) == mode(photo.parent.parent) == 0o2770


@pytest.mark.parametrize(("given", "folder", "file"), [(0o755, 0o755, 0o644), (0o750, 0o750, 0o640)])
def test_in_a_folder_that_is_open_already_new_photos_are_as_open(
    tmp_path: Path, set_umask: SetUmask, given: int, folder: int, file: int
) -> None:
    set_umask(0o022)
    home = tmp_path / "photos"
    home.mkdir()
    home.chmod(given)
    _, photo = photo_files.put(home, b"photo")
    assert (mode(home), mode(photo.parent), mode(photo)) == (given, folder, file)


def test_an_acl_of_the_folder_decides_before_the_umask(tmp_path: Path, set_umask: SetUmask) -> None:
    set_umask(0o077)
    entries = ((0x01, 7), (0x04, 5), (0x20, 0))  # user rwx, group r-x, others nothing
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, may, 0xFFFFFFFF) for tag, may in entries)
    try:
        os.setxattr(tmp_path, "system.posix_acl_default", acl)
    except OSError as error:
        pytest.skip(f"this file system has no ACLs: {error}")
    atomic.atomic_write(tmp_path / "file", b"text")
    _, photo = photo_files.put(tmp_path / "photos", b"photo")
    assert (mode(tmp_path / "file"), mode(photo), mode(photo.parent)) == (0o640, 0o640, 0o750)


@pytest.mark.parametrize("existing", [0o640, 0o600, 0o666])
def test_a_file_of_the_user_keeps_its_mode(tmp_path: Path, set_umask: SetUmask, existing: int) -> None:
    set_umask(0o022)
    path = tmp_path / "out.csv"
    path.write_text("old")
    path.chmod(existing)
    with atomic.atomic_output(path) as partial:
        partial.write_text("new")
    assert (path.read_text(), mode(path)) == ("new", existing)


def test_a_group_that_cannot_be_kept_gives_no_access_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new"
    create(path)
    found = path.stat()
    others = os.stat_result((0o100660, *found[1:5], found.st_gid + 1, *found[6:10]))

    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(permissions.os, "chown", refused)
    keep_access(path, others)
    assert mode(path) == 0o600


def test_a_file_where_the_private_folder_should_be_is_not_taken_for_it(tmp_path: Path) -> None:
    (tmp_path / "photos").touch()
    with pytest.raises(FileExistsError):
        make_private_folder(tmp_path / "photos" / "ab", top=tmp_path / "photos")
