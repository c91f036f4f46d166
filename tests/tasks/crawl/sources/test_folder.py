"""A folder with one sub-folder per class."""

import os
import re
from pathlib import Path

import pytest

from configs.schema import CrawlConfig
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.listing import files as local_files
from tasks.crawl.result import CrawlResult
from tasks.crawl.sources import folder
from tasks.store.context import StageContext
from tasks.store.errors import UserError

pytestmark = pytest.mark.usefixtures("any_bytes_are_photos")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Two classes of two photos."""
    for name in ("cat/b.jpg", "cat/a.PNG", "dog/1.jpeg", "dog/old/2.webp"):
        write(tmp_path / "in" / name, name.encode())
    return tmp_path / "in"


def write(path: Path, data: bytes = b"x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def collect(home: Path, **settings: object) -> CrawlResult:
    root = home.parent
    context = StageContext(root, root / "out", root / "pools", root / "photos")
    with Ledger(root / "ledger", context.photos) as ledger:
        return folder.collect(CrawlConfig(path=home, **settings), ledger, context)


def external_inputs(home: Path) -> dict[str, str | int]:
    return folder.external_inputs(CrawlConfig(path=home))


def record_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which the name of each file that is read is added."""
    read: list[str] = []
    real = local_files.read_file
    monkeypatch.setattr(local_files, "read_file", lambda path, **_: (read.append(Path(path).name), real(path))[1])
    return read


def names(result: CrawlResult) -> list[str]:
    return [row.name for row in result.rows]


def test_photos_at_any_depth_belong_to_the_class_of_the_sub_folder(home: Path) -> None:
    result = collect(home)
    assert [(row.label, row.name, row.rank) for row in result.rows] == [
        ("cat", "cat/a.PNG", 1),
        ("cat", "cat/b.jpg", 2),
        ("dog", "dog/1.jpeg", 1),
        ("dog", "dog/old/2.webp", 2),
    ]
    assert [(home.parent / "photos" / row.file).read_bytes().decode() for row in result.rows] == names(result)


def test_other_extensions_and_hidden_files_are_ignored(home: Path) -> None:
    for name in ("cat/notes.txt", "cat/noext", "readme.md", "cat/.hidden.jpg", ".git/a.jpg", "dog/.cache/c.jpg"):
        write(home / name)
    result = collect(home)
    assert len(result.rows) == 4
    assert result.counts == {"other files": 3}


def test_per_class_keeps_the_first_by_name(home: Path) -> None:
    assert names(collect(home, per_class=1)) == ["cat/a.PNG", "dog/1.jpeg"]


def test_cyclic_links_are_followed_once(home: Path) -> None:
    (home / "cat" / "again").symlink_to(home / "cat")
    (home / "cat" / "up").symlink_to(home)
    (home / "cat" / "self.jpg.d").symlink_to(home / "cat" / "self.jpg.d")
    write(home.parent / "elsewhere" / "c.jpg")
    (home / "dog" / "linked").symlink_to(home.parent / "elsewhere")
    assert names(collect(home)) == ["cat/a.PNG", "cat/b.jpg", "dog/1.jpeg", "dog/linked/c.jpg", "dog/old/2.webp"]


def test_a_pipe_with_a_photo_s_extension_is_ignored(home: Path) -> None:
    os.mkfifo(home / "cat" / "pipe.jpg")
    assert len(collect(home).rows) == 4


def test_names_that_are_not_utf_8_stay_different(home: Path) -> None:
    for name in (b"\xff.jpg", b"\xfe.jpg"):
        Path(os.fsdecode(os.fsencode(home / "cat") + b"/" + name)).write_bytes(name)
    assert {"cat/\\udcff.jpg", "cat/\\udcfe.jpg"} <= set(names(collect(home)))
    assert external_inputs(home)["photos"] == 6


def test_the_fingerprint_depends_on_names_sizes_and_times_of_photos_only(home: Path) -> None:
    seen = [external_inputs(home)]
    write(home / "cat" / "notes.txt")
    assert external_inputs(home) == seen[0]
    for change in (
        lambda: (home / "cat" / "b.jpg").rename(home / "cat" / "c.jpg"),
        lambda: (home / "cat" / "c.jpg").write_bytes(b"longer than before"),
        lambda: os.utime(home / "cat" / "c.jpg", ns=(1, 1)),
        (home / "cat" / "c.jpg").unlink,
    ):
        change()
        seen.append(external_inputs(home))
        assert seen[-1] not in seen[:-1]


def test_unchanged_photos_are_not_read_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = collect(home)
    write(home / "cat" / "new.jpg", b"new")
    os.utime(home / "dog" / "1.jpeg", ns=(1, 1))
    read = record_reads(monkeypatch)
    second = collect(home)
    assert sorted(read) == ["1.jpeg", "new.jpg"]
    assert {row.photo for row in first.rows} < {row.photo for row in second.rows}


def test_a_photo_missing_from_the_store_is_stored_again(home: Path) -> None:
    stored = home.parent / "photos" / collect(home).rows[0].file
    stored.unlink()
    collect(home)
    assert stored.read_bytes() == b"cat/a.PNG"


def test_a_folder_that_is_split_gives_each_row_its_split(tmp_path: Path) -> None:
    for part, count in (("train", 6), ("Valid", 2), ("test", 2)):
        for label in ("cat", "dog"):
            for number in range(count):
                write(tmp_path / "in" / part / label / f"{number}.jpg", f"{part} {label} {number}".encode())
    result = collect(tmp_path / "in")
    assert {(row.name.split("/")[0], row.given_split) for row in result.rows} == {
        ("train", "train"),
        ("Valid", "val"),
        ("test", "test"),
    }
    assert {row.label for row in result.rows} == {"cat", "dog"}
    assert {row.given_split for row in collect(tmp_path / "in", split="ignore").rows} == {None}
    few = [row.given_split for row in collect(tmp_path / "in", per_class=5).rows if row.label == "cat"]
    assert sorted(map(str, few)) == ["test", "train", "train", "train", "val"]


def test_what_is_left_out_is_a_note_of_the_artifact(home: Path) -> None:
    write(home / "#recycle" / "cat" / "old.jpg")
    write(home / "cat" / "raw.cr2")
    context = StageContext(home.parent, home.parent / "out", home.parent / "pools", home.parent / "photos")
    with Ledger(home.parent / "ledger", context.photos) as ledger:
        folder.collect(CrawlConfig(path=home), ledger, context)
    assert [note.split(": ")[1].split(",")[0] for note in context.notes] == [
        "1 photo is in folders of the system and passed over",
        "1 files are left out",
    ]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ((), "contains no photos; create one sub-folder per class"),
        (
            ("a.jpg", "b.jpg"),
            "contains 2 photos, but no sub-folders with photos; move them to one sub-folder per class",
        ),
        (("cat/a.jpg", "dog/readme.txt"), "contains only one class, 'cat'"),
    ],
)
def test_a_folder_without_two_classes_is_an_error(tmp_path: Path, made: tuple[str, ...], message: str) -> None:
    (tmp_path / "in").mkdir()
    for name in made:
        write(tmp_path / "in" / name)
    with pytest.raises(UserError, match=f"{tmp_path / 'in'} {message}"):
        external_inputs(tmp_path / "in")


def test_a_missing_path_or_a_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"crawl\.path is not given"):
        folder.external_inputs(CrawlConfig())
    with pytest.raises(UserError, match=r"crawl\.path: .*/nowhere: no such file or folder"):
        folder.external_inputs(CrawlConfig(path=Path("/nowhere")))
    write(tmp_path / "labels.csv")
    with pytest.raises(UserError, match=r"labels\.csv is a file; set crawl\.path to a folder"):
        folder.external_inputs(CrawlConfig(path=tmp_path / "labels.csv"))


def test_few_unreadable_photos_are_one_line_and_many_are_an_error(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = local_files.read_file

    def read(path: str, **_: object) -> bytes:
        if path.endswith("a.PNG"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(local_files, "read_file", read)
    assert names(collect(home, max_loss=0.25)) == ["cat/b.jpg", "dog/1.jpeg", "dog/old/2.webp"]
    assert [record.message for record in caplog.records if "read" in record.message] == [
        f"1 of 4 photos can't be read: {home}/cat/a.PNG (Permission denied); "
        "make them readable or remove them, and run again"
    ]
    with pytest.raises(UserError, match=r"^1 of 4 photos can't be read: .*cat/a\.PNG \(Permission denied\).*max_loss"):
        collect(home)


@pytest.mark.parametrize(
    ("name", "target", "said"),
    [
        ("cat/c.jpg", "nowhere", "cat/c.jpg (a link to nothing)"),  # git-annex before `git annex get`
        ("wolf", "/nowhere/wolf", "wolf (a link to nothing)"),  # the folder of a drive that isn't there
        ("cat/.c.jpg.icloud", None, "cat/c.jpg (in iCloud only: download it)"),
    ],
)
def test_photos_that_are_not_there_are_lost(home: Path, name: str, target: str | None, said: str) -> None:
    if target:
        (home / name).symlink_to(target)
    else:
        write(home / name)
    with pytest.raises(UserError, match=re.escape(f"1 of 5 photos can't be read: {said}")):
        collect(home, max_loss=0.1)
    assert len(collect(home, max_loss=0.5).rows) == 4


@pytest.mark.slow
def test_many_photos_are_listed_with_one_scan_per_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for label in range(25):
        (tmp_path / "in" / f"class {label}").mkdir(parents=True)
        for number in range(1000):
            (tmp_path / "in" / f"class {label}" / f"{number}.jpg").touch()
    scanned: list[str] = []
    scandir = os.scandir

    def record(path: str) -> object:
        scanned.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", record)
    monkeypatch.delattr(local_files, "read_file")
    assert external_inputs(tmp_path / "in")["photos"] == 25_000
    assert len(scanned) == len(set(scanned)) == 26


@pytest.mark.parametrize("how", ["deleted", "renamed", "a folder", "a link to nothing"])
def test_a_photo_that_vanishes_between_listing_and_reading_is_lost_and_named(home: Path, how: str) -> None:
    external_inputs(home)
    photo = home / "cat" / "b.jpg"
    photo.rename(home.parent / "b.jpg")
    if how == "renamed":
        (home.parent / "b.jpg").rename(home / "cat" / "c.jpg")
    elif how == "a folder":
        photo.mkdir()
    elif how == "a link to nothing":
        photo.symlink_to("nowhere")
    with pytest.raises(UserError, match=r"can't be read: .*cat/b\.jpg .*crawl\.max_loss allows"):
        collect(home, max_loss=0)
    external_inputs(home)
    assert "cat/b.jpg" not in names(collect(home, max_loss=0.25 if how == "a link to nothing" else 0))


def test_a_class_whose_photos_all_vanish_stops_the_crawl(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = local_files.read_file

    def read(path: str, **_: object) -> bytes:
        if "/cat/" in path:
            Path(path).unlink()
        return real(path)

    monkeypatch.setattr(local_files, "read_file", read)
    with pytest.raises(UserError, match=r"contains only one class, 'dog', .*make them readable"):
        collect(home, max_loss=1)
