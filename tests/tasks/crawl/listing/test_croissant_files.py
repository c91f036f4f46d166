"""Croissant whose photos are files of a set: in zip and tar files, or beside the description."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from configs.schema import CrawlConfig
from tasks.crawl.listing.annotated import is_annotated, list_photos, listed_rows
from tasks.crawl.listing.photo_list import PhotoList
from tasks.store.errors import UserError

FILES = ["train/cat/1.jpg", "train/dog/2.jpg", "test/cat/3.jpg", "test/dog/4.jpg", "about.txt", "train/.x/5.jpg"]
ZIP = {
    "@type": "cr:FileObject",
    "@id": "pets.zip",
    "name": "pets.zip",
    "contentUrl": "https://example.org/download/7?version=1",
    "encodingFormat": "application/zip",
}
PHOTOS = {
    "@type": "cr:FileSet",
    "@id": "photos",
    "containedIn": {"@id": "pets.zip"},
    "encodingFormat": "image/jpeg",
    "includes": "*.jpg",
}


def field(name: str, data_type: str, extract: str, regex: str = "", file_set: str = "photos") -> dict[str, Any]:
    """Return a field of the files of a set, as mlcroissant 1.0 has them."""
    source: dict[str, Any] = {"fileSet": {"@id": file_set}, "extract": {"fileProperty": extract}}
    if regex:
        source["transform"] = {"regex": regex}
    return {"@type": "cr:Field", "@id": f"pets/{name}", "name": name, "dataType": data_type, "source": source}


IMAGE = field("image", "sc:ImageObject", "content")
LABEL = field("label", "sc:Text", "fullpath", r"^\w+/(\w+)/.*$")
SPLIT = field("split", "sc:Text", "fullpath", r"^(train|test)/.*$")


def describe(folder: Path, *distribution: dict[str, Any], fields: list[dict[str, Any]], **more: Any) -> Path:
    """Write a description with one record set."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "croissant.json"
    records = {"@type": "cr:RecordSet", "@id": "pets", "field": fields}
    content = {
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "distribution": distribution,
        "recordSet": [records, *more.get("further", [])],
    }
    path.write_text(json.dumps(content))
    return path


def zipped(path: Path, *names: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, f"content of {name}")


def read(path: Path, **settings: object) -> PhotoList:
    return list_photos(CrawlConfig(sources=("annotations",), path=path, **settings))


def rows(found: PhotoList) -> list[tuple[str, str, str | None, bytes]]:
    return [(photo.name, photo.label, photo.given_split, photo.file.read()) for photo in found.photos]


EXPECTED = [
    (f"pets.zip/{part}/{label}/{number}.jpg", label, part, f"content of {part}/{label}/{number}.jpg".encode())
    for part, label, number in [("train", "cat", 1), ("train", "dog", 2), ("test", "cat", 3), ("test", "dog", 4)]
]


def test_photos_in_a_zip_file_with_class_and_split_in_their_names(tmp_path: Path) -> None:
    path = describe(tmp_path, ZIP, PHOTOS, fields=[IMAGE, LABEL, SPLIT])
    zipped(tmp_path / "pets.zip", *FILES)
    found = read(path)
    assert rows(found) == rows(read(tmp_path)) == EXPECTED
    assert not found.notes
    assert is_annotated(tmp_path, CrawlConfig())
    assert ("pets.zip/test/dog/4.jpg", "dog") in listed_rows(CrawlConfig(sources=("annotations",), path=path))
    assert {photo.given_split for photo in read(path, split="ignore").photos} == {None}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["croissant.json", "pets.zip"]
    path.rename(tmp_path / "pets-metadata.json")
    (tmp_path / "metadata.json").write_text("{}")
    assert is_annotated(tmp_path, CrawlConfig())
    assert rows(read(tmp_path)) == EXPECTED


def test_photos_in_a_tar_file(tmp_path: Path) -> None:
    tar = ZIP | {"contentUrl": "data/pets.tar.gz", "encodingFormat": "application/x-tar"}
    path = describe(tmp_path, tar, PHOTOS, fields=[IMAGE, LABEL, SPLIT])
    (tmp_path / "data").mkdir()
    with tarfile.open(tmp_path / "data/pets.tar.gz", "w:gz") as archive:
        for name in FILES:
            info = tarfile.TarInfo(name)
            info.size = len(f"content of {name}")
            archive.addfile(info, io.BytesIO(f"content of {name}".encode()))
    with pytest.raises(UserError, match=r"gunzip .*/data/pets.tar.gz`, and use .*/data/pets.tar$"):
        read(path)
    with tarfile.open(tmp_path / "data/pets.tar.gz") as packed, tarfile.open(tmp_path / "data/pets.tar", "w") as plain:
        for info in packed:
            plain.addfile(info, packed.extractfile(info))
    (tmp_path / "data/pets.tar.gz").unlink()
    assert rows(read(path)) == [(name.replace("zip", "tar"), *others) for name, *others in EXPECTED]


def test_a_set_in_several_archives_or_in_the_folder_of_a_repository(tmp_path: Path) -> None:
    several = PHOTOS | {
        "containedIn": ["pets.zip", "more.zip"],
        "includes": ["*/cat/*", "*/dog/*"],
        "excludes": "*/3.jpg",
    }
    more = ZIP | {"@id": "more.zip", "name": "more.zip"}
    path = describe(tmp_path / "several", ZIP, more, several, fields=[IMAGE, LABEL])
    zipped(path.parent / "pets.zip", *FILES)
    zipped(path.parent / "more.zip", "train/cat/1.jpg", "train/cat/notes.txt")
    found = read(path)
    assert [row[:2] for row in rows(found)] == [
        ("pets.zip/train/cat/1.jpg", "cat"),
        ("pets.zip/train/dog/2.jpg", "dog"),
        ("pets.zip/test/dog/4.jpg", "dog"),
        ("more.zip/train/cat/1.jpg", "cat"),
    ]
    assert found.notes == [
        f"{path}: 1 files of photos have no photo's extension and are left out: more.zip/train/cat/notes.txt"
    ]
    repo = {"@id": "repo", "contentUrl": "https://example.org/pets", "encodingFormat": "git+https"}
    loose = PHOTOS | {"containedIn": {"@id": "repo"}, "includes": "pets/**/*.jpg"}
    path = describe(
        tmp_path / "repo", repo, loose, fields=[IMAGE, field("label", "sc:Text", "fullpath", "pets/([^/]*)/")]
    )
    for name in ("pets/cat/1.jpg", "pets/dog/2.jpg", "other/cat/3.jpg"):
        (path.parent / name).parent.mkdir(parents=True, exist_ok=True)
        (path.parent / name).write_bytes(b"x")
    assert [row[:2] for row in rows(read(path))] == [("pets/cat/1.jpg", "cat"), ("pets/dog/2.jpg", "dog")]


TABLE = {
    "@type": "cr:FileObject",
    "@id": "labels",
    "contentUrl": "labels.csv",
    "containedIn": {"@id": "pets.zip"},
    "encodingFormat": "text/csv",
}


def column(name: str, data_type: str = "sc:Text") -> dict[str, Any]:
    source = {"fileObject": {"@id": "labels"}, "extract": {"column": name}}
    return {"@type": "cr:Field", "@id": f"rows/{name}", "name": name, "dataType": data_type, "source": source}


def labelled_zip(path: Path, table: str) -> None:
    zipped(path, "photos/1.jpg", "photos/2.jpg", "photos/3.jpg")
    with ZipFile(path, "a") as archive:
        archive.writestr("labels.csv", table)


def test_a_table_in_the_archive_names_its_photos(tmp_path: Path) -> None:
    fields = [column("file", "sc:ImageObject"), column("kind", "cr:Label")]
    path = describe(tmp_path, ZIP, TABLE, fields=fields)
    labelled_zip(tmp_path / "pets.zip", "file,kind\nphotos/1.jpg,cat\npets.zip/photos/2.JPG,dog\nphotos/3.jpg,cat\n")
    found = read(path)
    assert [(photo.label, photo.file.read()[-5:]) for photo in found.photos] == [
        ("cat", b"1.jpg"),
        ("dog", b"2.jpg"),
        ("cat", b"3.jpg"),
    ]
    assert found.notes == [
        f"{path}: 1 names are written differently and were found: 1 in other case or with another extension "
        "(pets.zip/photos/2.JPG is pets.zip/photos/2.jpg)"
    ]


@pytest.mark.parametrize("reference", ["file", "field"])
def test_a_table_that_refers_to_the_files_and_classes_by_number(tmp_path: Path, reference: str) -> None:
    key = field("number", "sc:Integer", "filename", r"(\d+)\.jpg$") | {
        "references": {"fileObject": {"@id": "labels"}, "extract": {"column": "id"}}
        if reference == "file"
        else {"field": {"@id": "rows/id"}}
    }
    label = column("kind", "sc:Integer") | {"references": {"field": {"@id": "kinds/number"}}}
    if reference == "field":
        label = label | {"@id": "pets/label", "name": "label", "source": {"field": {"@id": "rows/kind"}}}
    table = {"@type": "cr:RecordSet", "@id": "rows", "field": [column("id"), column("kind")]}
    kinds = {
        "@type": "cr:RecordSet",
        "@id": "kinds",
        "dataType": "sc:Enumeration",
        "field": [{"@id": "kinds/number", "dataType": "sc:Integer"}, {"@id": "kinds/name", "dataType": "sc:Text"}],
        "data": [{"kinds/number": 0, "kinds/name": "cat"}, {"kinds/number": 1, "kinds/name": "dog"}],
    }
    path = describe(tmp_path, ZIP, PHOTOS, TABLE, fields=[IMAGE, key, label], further=[table, kinds])
    labelled_zip(tmp_path / "pets.zip", "id,kind\n1,0\n2,1\n3,1\n")
    found = read(path, columns={"label": "kind" if reference == "file" else "label"})
    assert [(photo.label, photo.file.read()[-5:]) for photo in found.photos] == [
        ("cat", b"1.jpg"),
        ("dog", b"2.jpg"),
        ("dog", b"3.jpg"),
    ]


def test_record_sets_that_are_the_parts_of_a_split_are_read_together(tmp_path: Path) -> None:
    sets = [PHOTOS | {"@id": part, "includes": f"{part}/*.jpg"} for part in ("train", "test")]
    both = [
        [
            field("image", "sc:ImageObject", "content", file_set=part),
            LABEL | {"source": LABEL["source"] | {"fileSet": part}},
        ]
        for part in ("train", "test")
    ]
    further = [{"@id": "pets_test", "field": both[1]}]
    path = describe(tmp_path, ZIP, *sets, fields=both[0], further=further)
    path.write_text(path.read_text().replace('"@id": "pets"', '"@id": "pets_train"'))
    zipped(tmp_path / "pets.zip", *FILES)
    assert rows(read(path)) == EXPECTED
    path.write_text(path.read_text().replace("pets_test", "pets_2"))
    assert read(path).notes == [f"{path}: only the photos of pets_train are used, not those of pets_2"]
    with pytest.raises(UserError, match=r"no field is the split; set crawl.columns.split, or crawl.split=auto"):
        read(path, split="folders")


def test_names_in_place_of_ids_and_a_class_that_no_name_has(tmp_path: Path) -> None:
    splits = {"name": "splits", "dataType": "cr:Split", "field": [{"name": "name"}], "data": [{"name": "train"}]}
    fields = [
        {key: value for key, value in each.items() if key != "@id"} | {"source": each["source"] | {"fileSet": "photos"}}
        for each in (IMAGE, LABEL, SPLIT | {"name": "part", "references": [{"field": "splits/name"}]})
    ]
    path = describe(tmp_path, ZIP, PHOTOS, fields=fields, further=[splits])
    zipped(tmp_path / "pets.zip", *FILES)
    assert rows(read(path)) == EXPECTED
    fields[1] |= {"source": {"fileSet": "photos", "extract": {"fileProperty": "content"}}}
    path = describe(tmp_path, ZIP, PHOTOS, fields=fields, further=[splits])
    with pytest.raises(UserError, match="none of its records has a photo and its class"):
        read(path)


def test_photos_without_a_class_are_left_out_and_named(tmp_path: Path) -> None:
    path = describe(tmp_path, ZIP, PHOTOS, fields=[IMAGE, LABEL])
    zipped(tmp_path / "pets.zip", *FILES, "6.jpg")
    found = read(path)
    assert len(found.photos) == 4
    assert found.notes == [
        rf"{path}: field pets/label (fullpath ^\w+/(\w+)/.*$) gives no class to 1 of 5 photos, such as pets.zip/6.jpg; "
        "they are left out"
    ]


@pytest.mark.parametrize(
    ("distribution", "fields", "reason"),
    [
        (
            [ZIP | {"@id": "gone.zip", "name": "gone.zip"}, PHOTOS | {"containedIn": {"@id": "gone.zip"}}],
            [IMAGE, LABEL],
            "archive https://example.org/download/7.* is not on this",
        ),
        (
            [ZIP | {"contentUrl": "../pets.zip"}, PHOTOS],
            [IMAGE, LABEL],
            r"contentUrl of pets.zip is ../pets.zip, which le",
        ),
        ([ZIP | {"contentUrl": "%2e%2e/pets.zip"}, PHOTOS], [IMAGE, LABEL], "which leads out of"),
        ([ZIP | {"contentUrl": "/etc/pets.zip"}, PHOTOS], [IMAGE, LABEL], "which leads out of"),
        (
            [ZIP, PHOTOS | {"includes": "*.png"}],
            [IMAGE, LABEL],
            r"photos includes \*.png, and no photo in pets.zip has s",
        ),
        ([PHOTOS], [IMAGE, LABEL], "photos is contained in pets.zip, which the description doesn't have"),
        (
            [ZIP | {"encodingFormat": "application/x-rar"}, PHOTOS],
            [IMAGE, LABEL],
            "rar.*, neither a zip nor a tar file",
        ),
        (
            [ZIP, ZIP | {"@id": "inner.zip", "containedIn": "pets.zip"}, PHOTOS | {"containedIn": "inner.zip"}],
            [IMAGE, LABEL],
            "inner.zip is an archive in an archive; unpack the outer one into",
        ),
        (
            [ZIP, PHOTOS],
            [IMAGE],
            "if each class has a folder of photos, set crawl.sources=folder crawl.path=.*/pets.zip",
        ),
        (
            [ZIP, PHOTOS],
            [IMAGE, field("label", "", "fullpath", "(")],
            r"field pets/label: '\(' is no regular expression",
        ),
        (
            [ZIP, PHOTOS],
            [IMAGE, field("label", "", "filename", "(x)")],
            "gives no class to 4 of 4 photos.*; correct its r",
        ),
        (
            [ZIP, PHOTOS],
            [IMAGE, LABEL, field("split", "", "filename", r"(\d)")],
            "pets/split is '1' for train/cat/1.jpg",
        ),
        (
            [ZIP, PHOTOS],
            [IMAGE, LABEL | {"source": {"field": "pets/label"}}],
            "refers to fields that refer to each other in a circle",
        ),
        (
            [ZIP, PHOTOS, TABLE],
            [IMAGE, column("label"), field("key", "", "filename", "(jpg)?") | {"references": {"@id": "pets/label"}}],
            "the table labels.csv is not on this machine",
        ),
    ],
)
def test_what_cannot_be_read_is_said_with_the_file_and_the_remedy(
    tmp_path: Path, distribution: list[dict[str, Any]], fields: list[dict[str, Any]], reason: str
) -> None:
    path = describe(tmp_path / "data", *distribution, fields=fields)
    zipped(tmp_path / "data/pets.zip", *FILES)
    zipped(tmp_path / "pets.zip", *FILES)
    with pytest.raises(UserError, match=reason) as error:
        read(path)
    assert str(error.value).startswith(f"{path}: ")
