"""Local copies of Hugging Face datasets: their classes, splits and photos, without unpacking them."""

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.schema import CrawlConfig
from tasks.crawl.listing.hugging_face import is_dataset, list_photos
from tasks.crawl.listing.photo_list import PhotoList
from tasks.store.errors import UserError

IMAGES = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
FEATURES = {"image": {"_type": "Image"}, "label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}


def table(labels: Sequence[object], *, features: object = None, **more: Sequence[object]) -> pa.Table:
    """Return a table with photos `photo 0`, `photo 1` and so on."""
    images = pa.array([{"bytes": f"photo {i}".encode(), "path": f"{i}.jpg"} for i in range(len(labels))], IMAGES)
    made = pa.table({"image": images, "label": pa.array(labels), **{name: pa.array(v) for name, v in more.items()}})
    info = json.dumps({"info": {"features": FEATURES if features is None else features}})
    return made.replace_schema_metadata({"huggingface": info})


def as_parquet(path: Path, made: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(made, path, row_group_size=2)


def as_arrow(path: Path, made: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, made.schema) as writer:
        writer.write_table(made, max_chunksize=2)


def read(path: Path, **settings: object) -> PhotoList:
    return list_photos(CrawlConfig(**({"sources": "huggingface", "path": path} | settings)))


def rows(found: PhotoList) -> list[tuple[str, str | None, bytes]]:
    return [(photo.label, photo.given_split, photo.file.read()) for photo in found.photos]


def test_parquet_files_as_the_hub_has_them(tmp_path: Path) -> None:
    as_parquet(tmp_path / "data/train-00000-of-00002.parquet", table([0, 1, 1]))
    as_parquet(tmp_path / "data/train-00001-of-00002.parquet", table([1]))
    as_parquet(tmp_path / "data/test-00000-of-00001.parquet", table([0, -1]))
    (tmp_path / "README.md").write_text("a card")
    assert is_dataset(tmp_path)
    found = read(tmp_path)
    assert sorted(rows(found)) == [
        ("cat", "test", b"photo 0"),
        ("cat", "train", b"photo 0"),
        ("dog", "train", b"photo 0"),
        ("dog", "train", b"photo 1"),
        ("dog", "train", b"photo 2"),
    ]
    assert found.notes == [f"{tmp_path}: 1 photos have no class, so they are not used"]
    assert len({photo.name for photo in found.photos}) == 5
    assert all(photo.given_split is None for photo in read(tmp_path, split="ignore").photos)


def test_what_save_to_disk_writes(tmp_path: Path) -> None:
    as_arrow(tmp_path / "train/data-00000-of-00001.arrow", table([0, 1, 1]))
    as_arrow(tmp_path / "validation/data-00000-of-00001.arrow", table([1, 0]))
    as_arrow(tmp_path / "train/cache-0123456789abcdef.arrow", table([0]))
    assert rows(read(tmp_path)) == [
        ("cat", "train", b"photo 0"),
        ("dog", "train", b"photo 1"),
        ("dog", "train", b"photo 2"),
        ("dog", "val", b"photo 0"),
        ("cat", "val", b"photo 1"),
    ]


def test_the_beginning_of_a_photo(tmp_path: Path) -> None:
    as_parquet(tmp_path / "a.parquet", table([0, 1]))
    assert read(tmp_path).photos[0].file.read(at_most=3) == b"pho"


def test_classes_as_text_and_groups(tmp_path: Path) -> None:
    as_parquet(tmp_path / "a.parquet", table(["cat", "dog", None], features={}, Group=["x", "y", "x"]))
    found = read(tmp_path)
    assert [(photo.label, photo.group) for photo in found.photos] == [("cat", "x"), ("dog", "y")]


def test_several_columns_of_classes_must_be_chosen_from(tmp_path: Path) -> None:
    features = FEATURES | {"fine": {"names": ["siam", "pug"], "_type": "ClassLabel"}}
    as_parquet(tmp_path / "a.parquet", table([0, 1], features=features, fine=[1, 0]))
    with pytest.raises(UserError, match=r"which column is the label \(label, fine\); set crawl\.columns\.label"):
        read(tmp_path)
    assert [photo.label for photo in read(tmp_path, columns={"label": "fine"}).photos] == ["pug", "siam"]
    with pytest.raises(UserError, match=r"no column coarse \(crawl\.columns\.label\); it has image, label, fine"):
        read(tmp_path, columns={"label": "coarse"})


def test_what_is_no_such_dataset(tmp_path: Path) -> None:
    assert not is_dataset(tmp_path)
    with pytest.raises(UserError, match="no Parquet or Arrow files; download the dataset with"):
        read(tmp_path)
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and then something else")
    with pytest.raises(UserError, match=r"a\.parquet is damaged"):
        read(tmp_path)
    as_parquet(tmp_path / "a.parquet", pa.table({"text": ["x"], "label": [1]}))
    with pytest.raises(UserError, match=r"which column is the image \(none of text, label\)"):
        read(tmp_path)


def test_photos_by_path_only_and_without_content(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(b"1")
    given = [
        {"bytes": None, "path": str(tmp_path / "1.jpg")},
        {"bytes": b"2", "path": None},
        {"bytes": None, "path": None},
    ]
    as_parquet(tmp_path / "a.parquet", pa.table({"image": pa.array(given, IMAGES), "label": ["cat", "dog", "dog"]}))
    first, second, third = (photo.file for photo in read(tmp_path).photos)
    assert (first.read(), second.read()) == (b"1", b"2")
    with pytest.raises(OSError, match="neither its content nor its path"):
        third.read()
