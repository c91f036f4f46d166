"""Croissant: the table that it describes, found by names or types, and clear lines about what can't be read."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from configs.schema import CrawlConfig
from tasks.crawl.listing.annotated import is_annotated, list_photos, listed_rows
from tasks.crawl.listing.photo_list import PhotoList
from tasks.store.errors import UserError

TABLE = "path,kind,part\nx/1.jpg,cat,train\nx/2.jpg,dog,validation\nx/3.jpg,cat,test\n"


def field(column: str, data_type: str | list[str] = "sc:Text", name: str = "") -> dict[str, Any]:
    source = {"fileObject": {"@id": "table"}, "extract": {"column": column}}
    return {"@id": f"records/{column}", "name": name or column, "dataType": data_type, "source": source}


FIELDS = [
    field("path", "sc:ImageObject"),
    field("kind", ["sc:Text", "cr:Label"]),
    field("part", "http://mlcommons.org/croissant/Split"),
]


def describe(folder: Path, *fields: dict[str, Any], table: str | None = TABLE, **file: str) -> Path:
    """Write croissant.json about a table, three photos, and the table itself if it is given."""
    (folder / "x").mkdir(parents=True)
    for number in (1, 2, 3):
        (folder / "x" / f"{number}.jpg").write_bytes(b"%d" % number)
    if table is not None:
        (folder / "table.csv").write_text(table)
    path = folder / "croissant.json"
    described = {"@id": "table", "contentUrl": "table.csv", "encodingFormat": "text/csv", **file}
    path.write_text(json.dumps({"distribution": [described], "recordSet": [{"field": list(fields)}]}))
    return path


def read(path: Path, **settings: object) -> PhotoList:
    return list_photos(CrawlConfig(sources=("annotations",), path=path, **settings))


def rows(found: PhotoList) -> list[tuple[str, str, str | None]]:
    return [(photo.name, photo.label, photo.given_split) for photo in found.photos]


SPLIT = [("x/1.jpg", "cat", "train"), ("x/2.jpg", "dog", "val"), ("x/3.jpg", "cat", "test")]


def test_columns_are_found_by_the_types_of_their_fields(tmp_path: Path) -> None:
    path = describe(tmp_path / "data", *FIELDS, sha256=hashlib.sha256(TABLE.encode()).hexdigest())
    assert rows(read(path)) == rows(read(path.parent)) == SPLIT
    assert not read(path).notes
    assert is_annotated(path.parent, CrawlConfig())
    assert ("x/2.jpg", "dog") in listed_rows(CrawlConfig(sources=("annotations",), path=path))
    ignored = read(path, split="ignore")
    assert {photo.given_split for photo in ignored.photos} == {None}


def test_columns_are_found_by_names_and_settings(tmp_path: Path) -> None:
    path = describe(tmp_path / "data", field("path", name="image"), field("kind"), field("part"))
    assert rows(read(path, columns={"label": "kind", "split": "part"})) == SPLIT
    with pytest.raises(
        UserError, match=r"their columns: path, kind, part\); set crawl.columns.image and crawl.columns.l"
    ):
        read(path)


def test_a_table_that_was_downloaded_is_read_where_it_lies(tmp_path: Path) -> None:
    path = describe(tmp_path / "data", *FIELDS, contentUrl="https://example.org/a/table.csv?download=1")
    assert rows(read(path)) == SPLIT


def test_a_changed_table_is_used_and_a_line_says_so(tmp_path: Path) -> None:
    path = describe(tmp_path / "data", *FIELDS, sha256="0" * 64)
    assert rows(read(path)) == SPLIT
    assert read(path).notes == [
        f"{path.parent / 'table.csv'} is not the file that {path} describes: its SHA-256 differs; it is used as it is"
    ]


def test_a_table_that_is_not_here_is_named(tmp_path: Path) -> None:
    path = describe(tmp_path / "data", *FIELDS, table=None, contentUrl="https://example.org/table.csv")
    with pytest.raises(
        UserError, match=r"the table https://example.org/table.csv is not on this machine; put it and its"
    ):
        read(path)


def test_a_wrong_split_names_the_line_of_the_table(tmp_path: Path) -> None:
    path = describe(tmp_path / "data", *FIELDS, table=TABLE.replace("test", "whale"))
    with pytest.raises(UserError, match=r"table.csv, line 4: part is 'whale', not train, val or test"):
        read(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"distribution": [], "recordSet": []}, "none of its records has a photo and its class; if each class has a f"),
        (
            {
                "distribution": [{"@type": "cr:FileSet", "@id": "parquet", "includes": "*.parquet"}],
                "recordSet": [{"field": [{"name": "image", "source": {"fileSet": {"@id": "parquet"}}}]}],
            },
            "set crawl.columns.image and crawl.columns.label to the names of its fields",
        ),
        ({"distribution": [], "recordSet": [{"field": [{"source": "#{table/x}"}]}]}, "export it again"),
    ],
    ids=["empty", "no class", "version 0.8"],
)
def test_other_kinds_of_croissant_are_refused_and_their_folders_are_no_annotations(
    tmp_path: Path, content: object, reason: str
) -> None:
    path = tmp_path / "croissant.json"
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=reason):
        read(path)
    assert not is_annotated(tmp_path, CrawlConfig())
