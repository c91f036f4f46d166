"""Croissant of Parquet files, as Hugging Face serves it for a dataset."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.schema import CrawlConfig
from tasks.crawl.listing.annotated import is_annotated, list_photos
from tasks.crawl.listing.photo_list import PhotoList
from tasks.store.errors import UserError

NAMES = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
LABELS = {"train": [0, 1, 1, -1], "test": [1, 0]}


def source(**extract: str) -> dict[str, Any]:
    return {"fileSet": {"@id": "parquet-files-for-config-default"}, "extract": extract}


DESCRIPTION: dict[str, Any] = {
    "@type": "sc:Dataset",
    "conformsTo": "http://mlcommons.org/croissant/1.1",
    "distribution": [
        {
            "@type": "cr:FileObject",
            "@id": "repo",
            "contentUrl": "https://huggingface.co/datasets/a/pets/tree/refs%2Fconvert%2Fparquet",
            "encodingFormat": "git+https",
            "sha256": "https://github.com/mlcommons/croissant/issues/80",
        },
        {
            "@type": "cr:FileSet",
            "@id": "parquet-files-for-config-default",
            "containedIn": {"@id": "repo"},
            "encodingFormat": "application/x-parquet",
            "includes": "default/*/*.parquet",
        },
    ],
    "recordSet": [
        {
            "@type": "cr:RecordSet",
            "dataType": "cr:Split",
            "key": {"@id": "default_splits/split_name"},
            "@id": "default_splits",
            "field": [{"@type": "cr:Field", "@id": "default_splits/split_name", "dataType": "sc:Text"}],
            "data": [{"default_splits/split_name": "train"}, {"default_splits/split_name": "test"}],
        },
        {
            "@type": "cr:RecordSet",
            "@id": "default",
            "field": [
                {
                    "@type": "cr:Field",
                    "@id": "default/part",
                    "dataType": "sc:Text",
                    "source": source(fileProperty="fullpath")
                    | {"transform": {"regex": "default/(?:partial-)?(train|test)/.+parquet$"}},
                    "references": {"field": {"@id": "default_splits/split_name"}},
                },
                {
                    "@type": "cr:Field",
                    "@id": "default/image",
                    "dataType": "sc:ImageObject",
                    "source": source(column="image") | {"transform": {"jsonPath": "bytes"}},
                },
                {
                    "@type": "cr:Field",
                    "@id": "default/label",
                    "dataType": "sc:Integer",
                    "source": source(column="label"),
                },
            ],
        },
    ],
}


def write(folder: Path, *, label: str = "label", below: str = "default", named: bool = True) -> Path:
    """Write a dataset of Hugging Face with its description."""
    for part, numbers in LABELS.items():
        images = pa.array([{"bytes": f"{part} {i}".encode(), "path": None} for i in range(len(numbers))])
        table = pa.table({"image": images, label: numbers if named else [str(number) for number in numbers]})
        path = folder / below / part / "0000.parquet"
        path.parent.mkdir(parents=True)
        metadata = {"huggingface": json.dumps(NAMES)} if named else {}
        pq.write_table(table.replace_schema_metadata(metadata), path, row_group_size=2)
    path = folder / "croissant.json"
    path.write_text(json.dumps(DESCRIPTION))
    return path


def read(path: Path, **settings: object) -> PhotoList:
    return list_photos(CrawlConfig(sources=("annotations",), path=path, **settings))


def test_photos_and_classes_of_parquet_files(tmp_path: Path) -> None:
    path = write(tmp_path)
    found = read(path)
    assert [(photo.label, photo.given_split, photo.file.read()) for photo in found.photos] == [
        ("dog", "test", b"test 0"),
        ("cat", "test", b"test 1"),
        ("cat", "train", b"train 0"),
        ("dog", "train", b"train 1"),
        ("dog", "train", b"train 2"),
    ]
    assert len({photo.name for photo in found.photos}) == 5
    assert found.notes == [f"{path}: 1 photos have no class, so they are not used"]
    assert is_annotated(tmp_path, CrawlConfig())


def test_classes_that_are_texts(tmp_path: Path) -> None:
    assert read(write(tmp_path, named=False)).classes == {"0": 2, "1": 3, "-1": 1}


def test_other_files_and_columns_than_described_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"no Parquet file default/\*/\*.parquet below .*; download it there \(`hf download"
    ):
        read(write(tmp_path / "a", below="data"))
    with pytest.raises(
        UserError, match=r"0000.parquet: no column label \(field default/label\); it has image, species"
    ):
        read(write(tmp_path / "b", label="species"))
    path = write(tmp_path / "c")
    (tmp_path / "c/default/test/0000.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(UserError, match=r"test/0000.parquet is damaged \(.*\); download it again"):
        read(path)
    in_zip = DESCRIPTION["distribution"][0] | {"encodingFormat": "application/zip", "@id": "repo"}
    path.write_text(json.dumps(DESCRIPTION | {"distribution": [in_zip, DESCRIPTION["distribution"][1]]}))
    with pytest.raises(UserError, match=r"are Parquet files in repo, which can't be read in there; unpack them into"):
        read(path)
