"""Files on this machine: reading them safely, and noticing that they have changed."""

import errno
import io
import os
import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.listing import files as local_files
from tasks.crawl.listing.files import LocalFile, ingest, read_file
from tasks.images import photos
from tasks.store.context import StageContext
from tasks.store.errors import UserError

pytestmark = pytest.mark.usefixtures("any_bytes_are_photos")
EPOCH = (315532800_000000000,) * 2  # 1980-01-01, as in a reproducible zip


def png(width: int, height: int) -> bytes:
    out = BytesIO()
    Image.new("1", (width, height)).save(out, "PNG")
    return out.getvalue()


def ingest_with(
    paths: list[Path], root: Path, *, max_mpx: float = 500, max_loss: float = 0.5
) -> tuple[list[bool], list[str]]:
    """Store files; returns which are stored, and what is said of the others."""
    context = StageContext(root, root / "out", root / "pools", root / "photos")
    listed = [LocalFile.of(str(path), path.stat()) for path in paths]
    with Ledger(root / "ledger", context.photos) as ledger:
        stored = ingest(listed, ledger, context, max_loss=max_loss, max_mpx=max_mpx)
    return [photo is not None for photo in stored], context.notes


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a Git LFS pointer, .*: run `git lfs pull`"),
        (b"", r"is empty \(0 bytes\)"),
        (b"<!DOCTYPE html><title>404</title>", "is a web page, not a photo"),
        (b"bplist00", "is a placeholder of a cloud drive"),
    ],
)
def test_files_that_are_no_photos_are_one_line_with_a_remedy(tmp_path: Path, content: bytes, why: str) -> None:
    paths = [tmp_path / f"{number}.jpg" for number in range(12)]
    for number, path in enumerate(paths):
        path.write_bytes(content if number < 5 else png(number, 9))
    stored, notes = ingest_with(paths, tmp_path)
    assert stored == [False] * 5 + [True] * 7
    [note] = notes
    assert re.search(r"^of 12 photos, 5 are left out: .*0\.jpg, .*1\.jpg, .*2\.jpg \.\.\.; each " + why, note)
    with pytest.raises(UserError, match=r"5 of 12 photos can't be read: .*0\.jpg " + why):
        ingest_with(paths, tmp_path, max_loss=0.2)


@pytest.mark.slow
def test_photos_with_too_many_pixels_are_left_out_until_the_setting_allows_them(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("small.png", "large.png", "huge.png")]
    for path, (width, height) in zip(paths, ((30, 20), (400, 300), (20000, 12000)), strict=True):
        path.write_bytes(png(width, height))
    stored, notes = ingest_with(paths, tmp_path, max_mpx=0.1, max_loss=0.7)
    assert stored == [True, False, False]
    assert re.search(
        r"^of 3 photos, 2 are left out: .*large\.png, .*huge\.png; each .*crawl\.max_photo_mpx=0\.1 ", notes[0]
    )
    assert ingest_with(paths, tmp_path, max_mpx=178)[0] == [True, True, False]
    assert ingest_with(paths, tmp_path, max_mpx=250) == ([True, True, True], [])
    assert ingest_with(paths, tmp_path, max_mpx=178)[0] == [True, True, False]  # it is stored, but over the limit again


def test_photos_that_need_more_memory_than_there_is_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / name for name in ("small.png", "large.png", "huge.png")]
    for path, (width, height) in zip(paths, ((30, 20), (400, 300), (800, 400)), strict=True):
        path.write_bytes(png(width, height))
    with monkeypatch.context() as of_a_small_machine:
        of_a_small_machine.setattr(photos, "_MOST_BYTES", 500_000)
        stored, notes = ingest_with(paths, tmp_path, max_loss=0.7)
    assert stored == [True, False, False]
    assert re.search(
        r"2 are left out: .*large\.png, .*huge\.png; each has too many pixels for the memory of this machine", notes[0]
    )
    assert ingest_with(paths, tmp_path)[0] == [True, True, True]


def crawl(paths: list[Path], root: Path, *, fresh: bool = False, verify: bool = False) -> list[bytes | None]:
    """Store files; returns what is stored of each."""
    context = StageContext(root, root / "out", root / "pools", root / "photos", fresh=fresh, verify=verify)
    with Ledger(root / "ledger", context.photos, verify=verify) as ledger:
        stored = ingest([LocalFile.of(str(path), path.stat()) for path in paths], ledger, context, max_loss=0.5)
    return [photo and (context.photos / photo.file).read_bytes() for photo in stored]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{name}.jpg" for name in "ab"]
    for path in paths:
        path.write_bytes(path.name.encode())
        os.utime(path, ns=EPOCH)
    return paths


def exchange(one: Path, other: Path) -> None:
    spare = one.with_name("spare")
    for source, target in ((one, spare), (other, one), (spare, other)):
        source.rename(target)


def test_exchanged_files_of_equal_size_and_time_are_read_again(files: list[Path], tmp_path: Path) -> None:
    assert crawl(files, tmp_path) == [b"a.jpg", b"b.jpg"]
    exchange(*files)
    assert crawl(files, tmp_path) == [b"b.jpg", b"a.jpg"]


def test_a_file_overwritten_in_place_with_its_old_time_is_read_again(files: list[Path], tmp_path: Path) -> None:
    crawl(files, tmp_path)
    files[0].write_bytes(b"c.jpg")  # as rsync --inplace -t does
    os.utime(files[0], ns=EPOCH)
    assert crawl(files, tmp_path) == [b"c.jpg", b"b.jpg"]


def test_a_copy_put_in_place_of_a_file_with_its_time_is_read_again(files: list[Path], tmp_path: Path) -> None:
    crawl(files, tmp_path)
    new = tmp_path / "new"  # as tar and unzip do: a new file, and the time of the archive
    new.write_bytes(b"d.jpg")
    os.utime(new, ns=EPOCH)
    new.replace(files[1])
    assert crawl(files, tmp_path) == [b"a.jpg", b"d.jpg"]


@pytest.mark.parametrize("option", ["fresh", "verify"])
def test_fresh_and_verify_read_files_whose_stamp_is_the_same(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setattr(LocalFile, "of", classmethod(lambda cls, path, status: cls(path, "same")))
    crawl(files, tmp_path)
    exchange(*files)
    assert crawl(files, tmp_path) == [b"a.jpg", b"b.jpg"]
    assert crawl(files, tmp_path, **{option: True}) == [b"b.jpg", b"a.jpg"]


def test_a_stored_photo_that_is_lost_is_copied_again(files: list[Path], tmp_path: Path) -> None:
    crawl(files, tmp_path)
    for path in (tmp_path / "photos").rglob("*.*"):
        path.unlink()
    assert crawl(files, tmp_path) == [b"a.jpg", b"b.jpg"]


def test_a_file_that_vanishes_is_lost(files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = local_files.read_file
    monkeypatch.setattr(local_files, "read_file", lambda path, **_: (files[0].unlink(missing_ok=True), real(path))[1])
    assert crawl(files, tmp_path) == [None, b"b.jpg"]
    files[0].write_bytes(b"a")
    monkeypatch.setattr(local_files, "read_file", lambda path, **_: (Path(path).unlink(), real(path))[1])
    with pytest.raises(UserError, match=r"2 of 2 photos can't be read: .*a\.jpg \(No such file or directory\)"):
        crawl(files, tmp_path, fresh=True)


def overwrite_after_reading(path: Path, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Overwrite a file with content of the same length after each of its first readings."""
    real, contents = local_files._read, [f"new{number}".encode() for number in range(times)]

    def read(file: io.FileIO, size: int) -> bytes:
        data = real(file, size)
        if contents:
            path.write_bytes(contents.pop())
            os.utime(path, ns=EPOCH)  # as `rsync --inplace -t` does
        return data

    monkeypatch.setattr(local_files, "_read", read)


@pytest.mark.parametrize("times", [1, 2])
def test_a_file_that_changes_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"old0")
    overwrite_after_reading(tmp_path / "a.jpg", monkeypatch, times)
    assert read_file(tmp_path / "a.jpg") == b"new0"


def test_a_file_that_changes_all_the_time_is_not_read_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jpg").write_bytes(b"old0")
    overwrite_after_reading(tmp_path / "a.jpg", monkeypatch, 9)
    with pytest.raises(OSError, match="is being written to"):
        read_file(tmp_path / "a.jpg")


def test_the_beginning_of_a_file_is_read_without_waiting_for_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_file(tmp_path / "a", at_most=3) == b"123"
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        read_file(tmp_path / "pipe", at_most=3)


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO, errno.EACCES, errno.ENODEV])
def test_a_file_on_a_drive_that_is_gone_is_lost_with_the_reason(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    real = os.open

    def fail(path: object, *rest: int) -> int:
        if path == str(files[0]):
            raise OSError(number, os.strerror(number))
        return real(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(local_files.os, "open", fail)
    stored, [note] = ingest_with(files, tmp_path)
    assert stored == [False, True]
    assert note.startswith(f"1 of 2 photos can't be read: {files[0]} ({os.strerror(number)})")


def test_a_path_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path) -> bool:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    monkeypatch.setattr(Path, "exists", fail)
    with pytest.raises(UserError, match=r"/nas/photos: can't be read \(Stale file handle\); .*set crawl\.path"):
        local_files.require_path(Path("/nas/photos"), "crawl.path", "photos")


def test_a_pipe_without_a_writer_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(OSError, match="not a regular file"):
        read_file(tmp_path / "pipe.jpg")


def test_a_device_without_end_is_not_read() -> None:
    with pytest.raises(OSError, match="not a regular file"):
        read_file("/dev/zero")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.tif").open("wb") as file:
        file.truncate(1_000_000_001)  # sparse: needs no space
    with pytest.raises(OSError, match=r"larger than 1,000 MB"):
        read_file(tmp_path / "a.tif")


def test_a_file_that_grows_while_it_is_read_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"begin")
    before = path.stat()
    path.write_bytes(b"begin and more")
    monkeypatch.setattr(local_files.os, "fstat", lambda handle: before)
    with pytest.raises(OSError, match="is being written to"):
        read_file(path)


@pytest.mark.slow
@pytest.mark.parametrize("utf8_mode", ["0", "1"])
def test_the_names_of_classes_do_not_depend_on_the_locale(utf8_mode: str, tmp_path: Path) -> None:
    for name in ("고양이", "café", "a\x1b"):
        (tmp_path / name).mkdir()
    os.mkdir(os.fsencode(tmp_path) + b"/caf\xe9")  # noqa: PTH102 pathlib takes no bytes
    code = (
        "import os, sys; from tasks.crawl.listing.files import utf8_name; "
        "print(sorted(ascii(utf8_name(name)) for name in os.listdir(sys.argv[1])))"
    )
    locale = {
        "LC_ALL": "C",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONUTF8": utf8_mode,
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    printed = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env=os.environ | locale, capture_output=True, text=True, check=True
    ).stdout
    assert printed == f"{sorted(map(ascii, ('고양이', 'café', 'a' + chr(27), 'caf' + chr(92) + 'udce9')))}\n"


def test_photos_that_can_not_be_decoded_are_named_and_count_as_lost(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.jpg" for i in range(10)]
    for path in paths:
        path.write_bytes(png(40, 30 + int(path.stem)))
    paths[3].write_bytes(b"\xff\xd8\xff\xe0 not really")
    for _ in range(2):  # also when it is stored already
        stored, [note] = ingest_with(paths, tmp_path, max_loss=0.1)
        assert stored == [True] * 10  # the filter rejects it, and the review shows it
        assert re.search(r"1 of 10 photos can't be decoded, .* rejects them: \S*/3.jpg; it is damaged", note)
    with pytest.raises(UserError, match=r"1 of 10 photos can't be read: \S*/3.jpg \(can't be decoded\); that is 10.0"):
        ingest_with(paths, tmp_path, max_loss=0.05)
