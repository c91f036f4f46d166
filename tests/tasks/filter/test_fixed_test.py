"""The list of photos that are always in the test."""

import os
from pathlib import Path

import pandas as pd
import pytest

from configs.schema import FilterConfig
from tasks.filter.fixed_test import FixedTest, read_test_list
from tasks.filter.stage import external_inputs
from tasks.store.errors import UserError
from tests.helpers.filtering import CrawledPhotos

NAMES = [f"{label}/{label[0]}{i}.jpg" for label in ("glass", "metal") for i in range(10)]
TABLE = pd.DataFrame(
    {"photo": [f"{i:064x}" for i in range(20)], "name": NAMES, "label": [name.split("/")[0] for name in NAMES]}
)


def read(
    folder: Path, text: str, *, known: tuple[str, ...] = (), table: pd.DataFrame = TABLE, **settings: object
) -> FixedTest:
    (folder / "test.csv").write_text(text, encoding="utf-8")
    return read_test_list(FilterConfig.model_validate({"test_list": folder / "test.csv", **settings}), table, known)


def names(found: FixedTest) -> list[str]:
    return sorted(TABLE.set_index("photo")["name"][list(found.photos)])


def test_listed_photos_are_always_in_the_test(crawled: CrawledPhotos, tmp_path: Path) -> None:
    first, _, _ = crawled.filter()
    test_list = first[first["split"] == "train"]["photo"].tolist()[:4]
    (tmp_path / "test_list.csv").write_text("photo\n" + "\n".join(test_list))
    config = FilterConfig(test_list=tmp_path / "test_list.csv")
    assert external_inputs(config, tmp_path)["test_list"]
    second, _, _ = crawled.filter(config)
    assert set(second.set_index("photo")["split"][test_list]) == {"test"}
    only = FilterConfig(test_list=tmp_path / "test_list.csv", test_fraction=0, memory="only the list")
    third, _, _ = crawled.filter(only)
    assert set(third[third["split"] == "test"]["photo"]) == set(test_list)


def test_names_in_other_spellings_are_found_and_the_missing_ones_are_named(tmp_path: Path) -> None:
    text = "name\nglass/g0.jpg\nglass\\g1.jpg\nglass\\g2.jpg\n/photos/metal/m0.jpg\nm1.jpg\nMetal/m2.jpg\n"
    found = read(tmp_path, text + "metal/m3.JPG\n metal/m4.jpg\n")
    assert names(found) == [
        "glass/g0.jpg",
        "glass/g1.jpg",
        "glass/g2.jpg",
        "metal/m2.jpg",
        "metal/m3.jpg",
        "metal/m4.jpg",
    ]
    spelt, missing = found.notes
    assert "4 names are written differently and were found: 2 in other case or with another extension" in spelt
    assert missing.endswith(
        "2 of its photos were not crawled: /photos/metal/m0.jpg (metal/m0.jpg is there), m1.jpg (metal/m1.jpg is there)"
    )


def test_a_list_of_hashes_may_be_in_upper_case_and_name_photos_that_have_left(tmp_path: Path) -> None:
    gone = [f"{i:064x}" for i in range(100, 108)]
    text = "Photo\n" + "\n".join([f"{10:064X}", *gone])
    found = read(tmp_path, text, known=tuple(gone))
    assert names(found) == ["metal/m0.jpg"]
    assert any("8 of its photos have left the crawl since an earlier run: 000000000000" in note for note in found.notes)
    with pytest.raises(UserError, match="only 1 of its 9 photos was crawled: there is no 0000"):
        read(tmp_path, text)


def test_an_excel_file_with_both_columns_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, f"\ufeffname;photo\nglass/g0.jpg;\n;{11:064x}\n")
    assert names(found) == ["glass/g0.jpg", "metal/m1.jpg"]


def test_names_of_several_photos_and_classes_without_a_train_photo_are_said(tmp_path: Path) -> None:
    table = TABLE.assign(name=[name.split("/")[1][1:] for name in NAMES])  # as the last part of URLs
    found = read(tmp_path, "name\n1.jpg\n2.jpg\n", table=table)
    assert len(found.photos) == 4
    assert "2 names are those of several photos, and all 4 photos are in the test: 1.jpg, 2.jpg" in found.notes[0]
    text = "name\n" + "\n".join(NAMES[:10])
    (note,) = read(tmp_path, text).notes
    assert "has all photos of 1 classes, so that none is left to train on: glass" in note
    assert not read(tmp_path, text, unseen_classes=("glass",)).notes


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file\nx\n", "has no column photo and no column name; add one of them"),
        ("filename\nx\n", "column filename is not read; if it is the name of each row, name it name"),
        ("photo\nx\n", "none of its 1 photos was crawled: there is no x"),
        ("name\nglass/g0.jpg\na\nb\n", "only 1 of its 3 photos was crawled: there is no a, b"),
        ("name\nglass/g1.jpg\n", "glass/g1.jpg can be"),
        ('name\nglass/g0.jpg\n"glass/g2.jpg\nglass/g3.jpg\n', "line 3: a quote opens here"),
    ],
)
def test_an_invalid_test_list_is_refused(tmp_path: Path, text: str, says: str) -> None:
    table = TABLE.assign(
        name=[{"glass/g1.jpg": "glass/G1.jpg", "glass/g9.jpg": "glass/G1.JPG"}.get(n, n) for n in NAMES]
    )
    with pytest.raises(UserError, match=says):
        read(tmp_path, text, table=table)
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(UserError, match=r"filter\.test_list: .*pipe\.csv is a pipe or a device; set it to a file"):
        external_inputs(FilterConfig(test_list=tmp_path / "pipe.csv"), tmp_path)
    (tmp_path / "pipe.csv").unlink()
    with pytest.raises(UserError, match=r"filter\.test_list: cannot read .*gone\.csv"):
        external_inputs(FilterConfig(test_list=tmp_path / "gone.csv"), tmp_path)


def test_what_a_list_has_beside_its_photos_is_said(tmp_path: Path) -> None:
    text = "name,label\nglass/g0.jpg,glass\n,glass\nmetal/m0.jpg,metal\n"
    assert [note.partition(": ")[2] for note in read(tmp_path, text).notes] == [
        "1 rows have no photo and no name and are left out (line 3)"
    ]
    text = "name,Split\nglass/g0.jpg,test\nmetal/m0.jpg,train\n"
    assert "its column Split (test, train) is not read, so all of its photos" in read(tmp_path, text).notes[0]
    assert not read(tmp_path, text.replace("train", "test")).notes
    assert "has no rows, so it puts no photo in the test" in read(tmp_path, "name\n").notes[0]
    with pytest.raises(UserError, match="column Image is not read; if it is the name of each row, name it name"):
        read(tmp_path, "Image,Id\nglass/g0.jpg,glass\n")
