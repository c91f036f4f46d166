"""Annotation files of COCO, Label Studio and FiftyOne: the same photos and classes, and lines about what isn't used."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from configs.schema import CrawlConfig
from tasks.crawl.listing.annotated import list_photos, listed_rows
from tasks.crawl.listing.photo_list import PhotoList
from tasks.store.errors import UserError


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def config(path: Path, **settings: object) -> CrawlConfig:
    return CrawlConfig(**({"sources": "annotations", "path": path, "max_loss": 0.5} | settings))


def read(path: Path, **settings: object) -> PhotoList:
    return list_photos(config(path, **settings))


def pairs(found: PhotoList) -> list[tuple[str, str]]:
    return [(photo.name, photo.label) for photo in found.photos]


def coco(*photos: tuple[str, Sequence[int]]) -> dict[str, object]:
    """Return COCO's JSON; each photo is a name and the numbers of the categories of its annotations."""
    return {
        "info": {"year": 2026},
        "images": [{"id": i, "file_name": name, "width": 8, "height": 8} for i, (name, _) in enumerate(photos)],
        "categories": [{"id": 7, "name": "cat", "supercategory": "animal"}, {"id": 8, "name": "dog"}],
        "annotations": [
            {"id": 10 * i + j, "image_id": i, "category_id": category, "bbox": [0, 0, 4, 4]}
            for i, (_, categories) in enumerate(photos)
            for j, category in enumerate(categories)
        ],
    }


def test_coco_with_photos_beside_it(tmp_path: Path) -> None:
    put(tmp_path, "images/1.jpg", "images/2.jpg", "images/3.jpg", "images/4.jpg")
    path = write(
        tmp_path / "x.json", coco(("1.jpg", [7, 7]), ("2.jpg", [8]), ("3.jpg", [7, 8]), ("4.jpg", []), ("5.jpg", [7]))
    )
    found = read(path)
    assert pairs(found) == [("1.jpg", "cat"), ("2.jpg", "dog")]
    assert found.counts["rows without a file"] == 1
    text = "\n".join(found.notes)
    assert "1 photos have no class yet and are left out: 4.jpg" in text
    assert "1 photos have several classes and are left out: 3.jpg (cat, dog); decide on one class for each" in text
    assert "5.jpg" in text
    assert ("5.jpg", "cat") in listed_rows(config(path))


@pytest.mark.parametrize(
    ("files", "folders"),
    [
        (("annotations/instances_train2017.json", "annotations/instances_val2017.json"), ("train2017", "val2017")),
        (("train/_annotations.coco.json", "valid/_annotations.coco.json"), ("train", "valid")),
        (("train.json", "val.json"), ("images/train", "images/val")),
    ],
)
def test_a_folder_with_an_annotation_file_for_each_part(
    tmp_path: Path, files: Sequence[str], folders: Sequence[str]
) -> None:
    for file, folder in zip(files, folders, strict=True):
        put(tmp_path / folder, "1.jpg", "2.jpg")
        write(tmp_path / file, coco(("1.jpg", [7]), ("2.jpg", [8])))
    found = read(tmp_path)
    assert [(Path(photo.name).name, photo.label, photo.given_split) for photo in found.photos] == [
        (name, label, part) for part in ("train", "val") for name, label in (("1.jpg", "cat"), ("2.jpg", "dog"))
    ]
    assert [Path(photo.file.path).parent for photo in found.photos[::2]] == [tmp_path / name for name in folders]


def task(url: str, *answers: Sequence[str], cancelled: bool = False) -> dict[str, object]:
    result = [[{"type": "choices", "from_name": "kind", "value": {"choices": list(answer)}}] for answer in answers]
    return {
        "id": 1,
        "data": {"image": url},
        "annotations": [{"result": each, "was_cancelled": cancelled} for each in result],
        "predictions": [{"result": [{"type": "choices", "value": {"choices": ["bird"]}}]}],
    }


def test_label_studio(tmp_path: Path) -> None:
    put(tmp_path / "photos", "cats/1.jpg", "2.jpg", "0a1b2c3d-3.jpg", "고양이 4.jpg", "5.jpg", "6.jpg", "7.jpg")
    path = write(
        tmp_path / "project.json",
        [
            task("/data/local-files/?d=cats/1.jpg", ["cat"]),
            task("/data/upload/4/0a1b2c3d-2.jpg", ["dog"], ["dog"]),
            task("/data/upload/4/0a1b2c3d-3.jpg", ["dog"]),
            task("s3://bucket/%EA%B3%A0%EC%96%91%EC%9D%B4%204.jpg", ["cat"]),
            task("/data/upload/4/5.jpg", ["cat"], ["dog"]),
            task("/data/upload/4/6.jpg", ["cat"], cancelled=True),
            task("/data/upload/4/7.jpg"),
        ],
    )
    found = read(path, images=tmp_path / "photos")
    assert [(Path(photo.file.path).name, photo.label) for photo in found.photos] == [
        ("1.jpg", "cat"),
        ("2.jpg", "dog"),
        ("0a1b2c3d-3.jpg", "dog"),
        ("고양이 4.jpg", "cat"),
    ]
    assert "2 photos have no class yet and are left out: " in found.notes[0]
    assert "5.jpg (cat, dog)" in found.notes[1]


def test_label_studios_short_form(tmp_path: Path) -> None:
    put(tmp_path, "1.jpg", "2.jpg")
    tasks = [{"image": "/data/upload/1/1.jpg", "id": 1, "choice": "cat"}, {"image": "2.jpg", "choice": ["dog"]}]
    assert pairs(read(write(tmp_path / "min.json", tasks))) == [("1.jpg", "cat"), ("2.jpg", "dog")]


def test_fiftyone(tmp_path: Path) -> None:
    put(tmp_path, "data/000001.jpg", "data/000002.jpg", "data/sub/3.png")
    labels: dict[str, object] = {"000001": 0, "000002": {"label": 1, "confidence": 0.9}, "sub/3": "cat", "none": None}
    write(tmp_path / "labels.json", {"classes": ["cat", "dog"], "labels": labels})
    found = read(tmp_path)
    assert [(Path(photo.file.path).name, photo.label) for photo in found.photos] == [
        ("000001.jpg", "cat"),
        ("000002.jpg", "dog"),
        ("3.png", "cat"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": 1}, "neither COCO (images, annotations, categories), nor Label Studio (a list of tasks), nor FiftyOne"),
        ([], "neither COCO"),
        (coco(("1.jpg", [9])), "an annotation has category_id 9, which isn't in categories; export it again"),
        ({"classes": ["cat"], "labels": {"1": 3}}, "a label is class 3, but there are 1 classes; export it again"),
        ({"classes": ["cat"], "labels": {"1": [[1]]}}, "export it again"),
        ([{"data": {"text": "hello"}}], "a task has no photo: its data are text; export it again"),
        ({"images": [{}], "annotations": [], "categories": []}, "export it again"),
    ],
)
def test_other_files_are_refused_with_a_reason(tmp_path: Path, content: object, message: str) -> None:
    put(tmp_path, "1.jpg")
    path = write(tmp_path / "x.json", content)
    with pytest.raises(UserError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_json_and_several_files(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(UserError, match=r"x\.json: no JSON"):
        read(tmp_path / "x.json")
    write(tmp_path / "y.json", coco())
    with pytest.raises(UserError, match=r"has several \(x\.json, y\.json\) annotation files; set crawl\.path to the"):
        read(tmp_path)
    (tmp_path / "sub").mkdir()
    with pytest.raises(UserError, match="has no annotation files"):
        read(tmp_path / "sub")


def test_photos_that_are_elsewhere_name_the_setting(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", "1.jpg", "2.jpg")
    path = write(tmp_path / "export/x.json", coco(("1.jpg", [7]), ("2.jpg", [8])))
    with pytest.raises(UserError, match=r"crawl\.images"):
        read(path)
    assert len(read(path, images=tmp_path / "elsewhere").photos) == 2
