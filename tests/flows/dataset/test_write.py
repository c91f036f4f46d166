"""A run's photos as datasets of other programs: each format is read again by fluke's own readers."""

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from configs.schema import Config, CrawlConfig
from flows.dataset.photos import class_folders, of_table, valid_name
from flows.dataset.write import Format, write_dataset
from flows.run_records import RunRecord
from tasks.crawl.listing import annotated
from tasks.crawl.listing.folder import list_folder
from tasks.store import counter
from tasks.store.errors import UserError
from tasks.tables.filter import KEPT
from tests.helpers.nights import Nights, Photo

Rows = Mapping[bytes, tuple[str, str]]
"""Class and split of each photo, by its content."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a good run of 20 photos."""
    folder = tmp_path_factory.mktemp("dataset") / "data"
    nights = Nights(folder, [Photo("고양이" if seed % 2 else "cat/dog", seed) for seed in range(20)])
    record = RunRecord.start("demo", "evaluate", Config(), number=counter.next_number(folder))
    record.add(nights.run(), 1.0)
    record.end("done")
    record.save(folder)
    return folder


@pytest.fixture(scope="module")
def rows(root: Path) -> Rows:
    (folder,) = root.glob("artifacts/filter/*")
    kept = KEPT.read(folder)
    columns = zip(kept["file"], kept["label"], kept["split"], strict=True)
    return {(root / file).read_bytes(): (label, split) for file, label, split in columns}


def written(root: Path, target: Path, format_: Format) -> Path:
    assert write_dataset(root, "demo", target, format_).photos == 20
    return target


def test_folders(root: Path, rows: Rows, tmp_path: Path) -> None:
    listing = list_folder(written(root, tmp_path / "out", "folder"))
    assert set(listing.classes) == {"cat_dog", "고양이"}
    for label, photos in listing.classes.items():
        for photo in photos:
            assert rows[photo.file.read()] == (label.replace("_", "/"), photo.split)


@pytest.mark.parametrize("format_", ["coco", "fiftyone", "croissant"])
def test_photos_come_back_with_class_and_split(format_: Format, root: Path, rows: Rows, tmp_path: Path) -> None:
    config = CrawlConfig(sources=("annotations",), path=written(root, tmp_path / "out", format_))
    read = {photo.file.read(): (photo.label, photo.given_split) for photo in annotated.list_photos(config).photos}
    assert read == rows


def test_coco_has_the_size_and_the_box_of_each_photo(root: Path, tmp_path: Path) -> None:
    content = json.loads((written(root, tmp_path / "out", "coco") / "train/_annotations.coco.json").read_text())
    for image, annotation in zip(content["images"], content["annotations"], strict=True):
        assert annotation["image_id"] == image["id"]
        assert annotation["bbox"] == [0, 0, image["width"], image["height"]]
        assert min(image["width"], image["height"]) > 1


def test_coco_needs_sizes_that_this_machine_can_read(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(data: bytes) -> tuple[int, int]:
        raise ValueError(data[:4])

    monkeypatch.setattr("flows.dataset.write.size_px", unreadable)
    with pytest.raises(UserError, match=r"^photos/.*: this machine can't read its format, and COCO needs its size"):
        write_dataset(root, "demo", tmp_path / "coco", "coco")
    assert not (tmp_path / "coco").exists()
    written(root, tmp_path / "folder", "folder")


def test_label_studio(root: Path, rows: Rows, tmp_path: Path) -> None:
    folder = written(root, tmp_path / "out", "label-studio")
    config = CrawlConfig(sources=("annotations",), path=folder / "tasks.json")
    read = {photo.file.read(): photo.label for photo in annotated.list_photos(config).photos}
    assert read == {data: label for data, (label, _) in rows.items()}
    assert '<Choice value="고양이"/>' in (folder / "config.xml").read_text()


def test_croissant_describes_its_table(root: Path, tmp_path: Path) -> None:
    folder = written(root, tmp_path / "out", "croissant")
    described = json.loads((folder / "croissant.json").read_text())
    assert [field["name"] for field in described["recordSet"][0]["field"]] == ["Image", "Id", "split", "sha256"]


def test_names_differ_whatever_their_ending_and_case() -> None:
    names = ["a/1.jpg", "b/1.JPG", "https://x/1", "고양이?.png", "", "x" * 300]
    table = pd.DataFrame(
        {
            "file": [f"photos/{i}.jpg" for i in range(len(names))],
            "photo": [f"{i:064x}" for i in range(len(names))],
            "name": names,
            "label": "a",
            "split": "train",
        }
    )
    found = [photo.name for photo in of_table(table)]
    assert found == ["1.jpg", "1-00000000.jpg", "1-00000000-2.jpg", "고양이_.jpg", "_.jpg", f"{'x' * 100}.jpg"]


def test_classes_never_share_a_folder() -> None:
    assert class_folders(["a/b", "a:b", "A_B", "..", "고양이"]) == {
        "..": "_",
        "A_B": "A_B",
        "a/b": "a_b-2",
        "a:b": "a_b-3",
        "고양이": "고양이",
    }
    assert valid_name(" . ") == "_"


def test_nothing_is_overwritten_and_nothing_half_written_stays(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("x")
    with pytest.raises(UserError, match="full: give a folder that is new or empty; nothing is overwritten"):
        write_dataset(root, "demo", tmp_path / "full")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("flows.dataset.formats.coco.write", stop)
    with pytest.raises(KeyboardInterrupt):
        write_dataset(root, "demo", tmp_path / "new", "coco")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]


def test_photos_that_are_gone_are_counted(root: Path, tmp_path: Path) -> None:
    photo = next(path for path in (root / "photos").rglob("*") if path.is_file() and path.suffix)
    data = photo.read_bytes()
    photo.unlink()
    try:
        done = write_dataset(root, "demo", tmp_path / "out")
    finally:
        photo.write_bytes(data)
    assert (done.photos, done.gone) == (19, 1)
