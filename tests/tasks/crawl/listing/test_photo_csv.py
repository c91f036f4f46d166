"""What a CSV of photos contains, and a folder with train.csv, val.csv and test.csv."""

from pathlib import Path
from typing import Any

import pytest

from configs.schema import CrawlConfig
from tasks.crawl.listing.photo_csv import PhotoList, list_photos
from tasks.store.errors import UserError


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def listed(path: Path, text: str | None = None, **settings: Any) -> PhotoList:
    if text is not None:
        path.write_text(text, encoding="utf-8")
    return list_photos(CrawlConfig(**({"sources": "csv", "path": path} | settings)))


def found(photos: PhotoList, root: Path) -> list[tuple[str, str, str | None]]:
    return [(str(Path(p.file.path).relative_to(root)), p.label, p.given_split) for p in photos.photos]


def bursts(header: str) -> str:
    return f"{header}\n" + "".join(f"{i}.jpg,{'ab'[i % 2]},burst{i // 5}\n" for i in range(40))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write(tmp_path, *(f"{i}.jpg" for i in range(40)))
    return tmp_path


@pytest.mark.parametrize("header", ["Image,Id,group", "IMAGE,ID,GROUP", "image,id,Group", "Image,Id,Group"])
def test_groups_are_read_whatever_the_case_of_their_column(home: Path, header: str) -> None:
    photos = listed(home / "labels.csv", bursts(header))
    assert len(photos.groups) == 8
    assert set(photos.groups.values()) == {5}
    assert photos.classes == {"a": 20, "b": 20}
    assert len(photos.notes) == (header != "Image,Id,Group")


def test_a_group_under_another_name_is_pointed_out_or_read_by_setting(home: Path) -> None:
    photos = listed(home / "labels.csv", bursts("Image,Id,Encounter"))
    assert not photos.groups
    assert "set crawl.columns.group=Encounter" in photos.notes[0]
    named = listed(home / "labels.csv", columns={"group": "encounter"})
    assert len(named.groups) == 8
    with pytest.raises(UserError, match="no column sequence"):
        listed(home / "labels.csv", columns={"group": "sequence"})


def test_times_are_read_and_those_that_are_none_are_one_line(home: Path) -> None:
    path = home / "labels.csv"
    rows = [
        f"{i}.jpg,{'ab'[i % 2]},{'27/11/2026' if i in {3, 5} else f'2026:11:{i % 28 + 1:02} 9:30'}" for i in range(40)
    ]
    photos = listed(path, "\n".join(["Image,Id,taken_at", *rows]))
    assert [photo.taken_at for photo in photos.photos[:5]] == [
        "2026-11-01T09:30:00",
        "2026-11-02T09:30:00",
        "2026-11-03T09:30:00",
        None,
        "2026-11-05T09:30:00",
    ]
    assert photos.notes == [
        f"{path}, line 5: taken_at is '27/11/2026', no time such as 2026-11-27 or 2026-11-27 19:30 (2 such rows, whose "
        "photos count without a time); correct it, or set crawl.columns.time to another column"
    ]
    other = listed(path, "\n".join(["Image,Id,observed_on", *rows]))
    assert "set crawl.columns.time=observed_on" in other.notes[0]
    assert listed(path, columns={"time": "observed_on"}).photos == photos.photos
    with pytest.raises(UserError, match="no column when"):
        listed(path, columns={"time": "when"})


def test_a_row_that_only_differs_in_its_time_counts_once(home: Path) -> None:
    photos = listed(home / "labels.csv", "Image,Id,taken_at\n0.jpg,a,2026\n0.jpg,a,2025\n1.jpg,b,2026\n")
    assert [(photo.name, photo.taken_at) for photo in photos.photos] == [("0.jpg", "2026"), ("1.jpg", "2026")]


def test_a_stray_quote_never_swallows_rows(home: Path) -> None:
    rows = [f"{i}.jpg,{'ab'[i % 2]},ok" for i in range(40)]
    for broken in ('8.jpg,"a,ok', '8.jpg,a,"12 inch'):  # in a column that is read, and in one that isn't
        text = "\n".join(["Image,Id,note", *rows[:8], broken, *rows[9:]])
        with pytest.raises(UserError, match=r"labels\.csv, line 10: a quote opens here"):
            listed(home / "labels.csv", text)


def test_names_in_other_spellings_are_found_and_said(tmp_path: Path) -> None:
    write(tmp_path, "images/0a1b2c.JPG", "images/d e.jpg", "images/\u00e9.png", "images/x/f.jpeg", "images/x/f.txt")
    text = "Image,Id\n0a1b2c,a\nd%20e.jpg,b\ne\u0301.png,a\nx\\f.jpg,b\n"
    photos = listed(tmp_path / "labels.csv", text, images=tmp_path / "images")
    assert [Path(p.file.path).name for p in photos.photos] == ["0a1b2c.JPG", "d e.jpg", "\u00e9.png", "f.jpeg"]
    assert [p.name for p in photos.photos] == ["0a1b2c", "d%20e.jpg", "e\u0301.png", "x\\f.jpg"]
    (note,) = photos.notes
    assert "4 names are written differently and were found" in note


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/home/other/images/g0.jpg", r"/home/other/images/g0\.jpg \(images/g0\.jpg is there\)"),
        ("C:\\Photos\\g0.jpg", r"\(images/g0\.jpg is there\)"),
        ("g0.jpg", r"g0\.jpg \(images/g0\.jpg is there\).*: set crawl\.images=.*/images, or remove their rows"),
        ("images/two", r"images/two can be images/two\.jpg or images/two\.png in .*; write the names"),
    ],
)
def test_a_name_that_is_not_clear_is_refused_with_the_file_that_is_there(
    tmp_path: Path, name: str, message: str
) -> None:
    write(tmp_path, "images/g0.jpg", "images/two.jpg", "images/two.png")
    with pytest.raises(UserError, match=message):
        listed(tmp_path / "labels.csv", f"Image,Id\n{name},a\n{name},b\n")


def test_a_list_of_urls_is_pointed_to_its_source(tmp_path: Path) -> None:
    text = "Image,Id\nhttps://host/1.jpg,a\nhttps://host/2.jpg,b\n"
    with pytest.raises(
        UserError, match=r"set crawl\.sources=urls crawl\.columns\.url=Image crawl\.columns\.url_label=Id"
    ):
        listed(tmp_path / "labels.csv", text)


def test_up_to_max_loss_rows_may_be_lost(home: Path) -> None:
    text = bursts("Image,Id,Group") + "a.jpg,a,\nb.jpg,b,\n,b,\n"
    photos = listed(home / "labels.csv", text)
    assert len(photos.photos) == 40
    assert "3 of 43 rows of" in photos.notes[0]
    assert "(2 name files that are not in" in photos.notes[0]
    assert "a.jpg, b.jpg, labels.csv line 44; " in photos.notes[0]
    assert photos.counts == {"rows without an image or id": 1, "repeated rows": 0, "rows without a file": 2}
    with pytest.raises(UserError, match=r"3 of 43 rows .*7\.0\s%, and crawl\.max_loss allows 5\.0\s%"):
        listed(home / "labels.csv", max_loss=0.05)


def test_files_outside_of_the_folder_are_used_and_said(tmp_path: Path) -> None:
    write(tmp_path, "photos/1.jpg", "photos/2.jpg", "lists/x")
    photos = listed(tmp_path / "lists/labels.csv", "Image,Id\n../photos/1.jpg,a\n../photos/2.jpg,b\n")
    assert len(photos.photos) == 2
    assert "2 files are used although their names lead out of" in photos.notes[0]


def test_blanks_around_a_class_are_said_if_they_merge_two(home: Path) -> None:
    text = "Image,Id\n1.jpg,a\n2.jpg,a \n3.jpg, b\n4.jpg, b\n"
    (note,) = listed(home / "labels.csv", text).notes
    assert note.endswith("3 rows have blanks before or after their Id; they count as the class without blanks: 'a'")
    assert listed(home / "labels.csv", "Image,Id\n1.jpg, a\n2.jpg, b\n").notes == []


def test_a_row_is_repeated_only_if_its_group_and_split_are_the_same(home: Path) -> None:
    text = "Image,Id,Group,split\n1.jpg,a,x,train\n./1.jpg,a,x,train\n1.jpg,a,y,train\n1.jpg,a,x,test\n2.jpg,b,,\n"
    photos = listed(home / "labels.csv", text)
    assert [(p.name, p.group, p.given_split) for p in photos.photos] == [
        ("1.jpg", "x", "train"),
        ("1.jpg", "y", "train"),
        ("1.jpg", "x", "test"),
        ("2.jpg", None, None),
    ]
    assert any("1 rows repeat another row and count once (line 3)" in note for note in photos.notes)
    assert photos.classes == {"a": 1, "b": 1}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("train", "val", "test"), ["train", "val", "test"]),
        (("Training", "VALID", "Testing"), ["train", "val", "test"]),  # Kaggle
        (("train2017", "val2017", "test2017"), ["train", "val", "test"]),  # COCO
        (("TRAIN", "", "eval"), ["train", None, "test"]),
    ],
)
def test_the_column_split_is_read_in_many_words(
    home: Path, values: tuple[str, ...], expected: list[str | None]
) -> None:
    rows = "".join(f"{i}.jpg,{'ab'[i % 2]},{value}\n" for i, value in enumerate(values))
    photos = listed(home / "labels.csv", f"Image,Id,split\n{rows}")
    assert [p.given_split for p in photos.photos] == expected
    assert not any(p.given_split for p in listed(home / "labels.csv", split="ignore").photos)


def test_a_split_that_is_not_clear_is_refused_and_one_under_another_name_is_pointed_out(home: Path) -> None:
    with pytest.raises(UserError, match=r"line 3: split is 'tset', not train, val or test \(1 such rows\)"):
        listed(home / "labels.csv", "Image,Id,split\n1.jpg,a,train\n2.jpg,b,tset\n")
    with pytest.raises(UserError, match="has no column split"):
        listed(home / "labels.csv", "Image,Id\n1.jpg,a\n2.jpg,b\n", split="folders")
    for column in ("phase", "subset"):
        (note,) = listed(home / "labels.csv", f"Image,Id,{column}\n1.jpg,a,train\n2.jpg,b,test\n").notes
        assert f"set crawl.columns.split={column}" in note


def competition(folder: Path, *, labelled: tuple[str, ...], extension: str = "") -> None:
    """Write train.csv, val.csv and test.csv, each with its folder; ids lack their extension, as Kaggle's often do."""
    for part, count in (("train", 6), ("val", 2), ("test", 3)):
        write(folder, *(f"{part}/{i}.jpg" for i in range(count)))
        rows = [f"{i}{extension},{'ab'[i % 2]}" if part in labelled else f"{i}{extension}" for i in range(count)]
        (folder / f"{part}.csv").write_text("\n".join(["Image,Id" if part in labelled else "Image", *rows]))
    (folder / "sample.csv").write_text("Image,Id\n0,a\n")


@pytest.mark.parametrize("extension", ["", ".jpg"])
def test_three_lists_give_the_split_and_each_has_its_folder(tmp_path: Path, extension: str) -> None:
    competition(tmp_path, labelled=("train", "val", "test"), extension=extension)
    photos = listed(tmp_path)
    assert photos.splits == {"train": 6, "val": 2, "test": 3}
    assert found(photos, tmp_path)[0] == ("train/0.jpg", "a", "train")
    assert [p.name for p in photos.photos][:1] == [f"train/0{extension}"]  # test/0 is another photo
    assert listed(tmp_path, split="folders").splits
    assert not listed(tmp_path, split="ignore").splits
    assert len(listed(tmp_path, split="ignore").photos) == 11


def test_a_test_without_labels_is_left_to_predict(tmp_path: Path) -> None:
    competition(tmp_path, labelled=("train", "val"), extension=".jpg")
    photos = listed(tmp_path)
    assert photos.splits == {"train": 6, "val": 2}
    (note,) = photos.notes
    assert note.endswith("test.csv: its 3 photos have no Id, so they are not used; `fluke predict` answers them")


def test_test_photos_that_no_list_has_are_left_to_predict(tmp_path: Path) -> None:
    competition(tmp_path, labelled=("train", "val"), extension=".jpg")
    for name in ("test.csv", "val.csv"):
        (tmp_path / name).unlink()
    photos = listed(tmp_path)
    assert len(photos.photos) == 6
    assert not photos.splits  # only the train photos have a label: the split is made as for any list
    (note,) = photos.notes
    assert f"no CSV lists its 3 photos, so they are not used; `fluke predict {tmp_path / 'test'}` answers them" in note


def test_lists_may_name_their_folder_or_share_one(tmp_path: Path) -> None:
    write(tmp_path, *(f"images/{i}.jpg" for i in range(4)), "train/9.jpg")
    (tmp_path / "Train.csv").write_text("Image,Id\n0.jpg,a\n1.jpg,b\n")
    (tmp_path / "validation.csv").write_text("Image,Id\nimages/2.jpg,a\nimages/3.jpg,b\n")
    assert found(listed(tmp_path), tmp_path) == [
        ("images/0.jpg", "a", "train"),
        ("images/1.jpg", "b", "train"),
        ("images/2.jpg", "a", "val"),
        ("images/3.jpg", "b", "val"),
    ]


def test_a_folder_without_a_train_list_is_refused_with_the_lists_that_are_there(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg")
    (tmp_path / "photos.csv").write_text("Image,Id\n1.jpg,a\n")
    with pytest.raises(UserError, match=r"has no train\.csv; set crawl\.path to the CSV file itself \(photos\.csv\)"):
        listed(tmp_path)


def test_a_comma_without_quotes_that_shifts_values_into_an_optional_column_is_said(home: Path) -> None:
    rows = "".join(f"{i}.jpg,Maple, {'red' if i % 2 else 'sugar'}\n" for i in range(4))
    others = "".join(f"{i}.jpg,oak,g{i % 3}\n" for i in range(4, 9))
    for header in ("Image,Id,Group", "Image,Id,Note"):  # of columns that are read, and that aren't
        notes = listed(home / "labels.csv", f"{header}\n{rows}{others}").notes
        assert ["blank after some of their separators only (lines 2, 3, 4, 5)" in note for note in notes] == [True]
        assert "'0.jpg,Maple, sugar'" in notes[0]
    by_hand = (rows + others).replace("Maple, ", "Maple,").replace(",", ", ")
    assert not listed(home / "labels.csv", f"Image, Id, Group\n{by_hand}").notes


@pytest.mark.parametrize(
    ("column", "values", "parts"),
    [
        ("is_valid", ("False", "True"), {"train": 20, "val": 20}),  # fastai
        ("is_test", ("0", "1"), {"train": 20, "test": 20}),
        ("isTrain", ("no", "yes"), {"test": 20, "train": 20}),
    ],
)
def test_a_column_that_says_yes_or_no_to_one_part_is_pointed_out_and_read_by_setting(
    home: Path, column: str, values: tuple[str, str], parts: dict[str, int]
) -> None:
    text = f"Image,Id,{column}\n" + "".join(f"{i}.jpg,{'ab'[i // 20]},{values[i % 2]}\n" for i in range(40))
    photos = listed(home / "labels.csv", text, columns={"split": column})
    assert photos.splits == parts
    if column != "isTrain":
        assert f"set crawl.columns.split={column}" in listed(home / "labels.csv").notes[0]


def test_names_without_the_folder_of_their_class_are_refused_with_what_to_write(tmp_path: Path) -> None:
    write(tmp_path, *(f"{'ab'[i % 2]}/{i}.jpg" for i in range(4)))
    for prefix in ("", "C:\\me\\", "file:///home/me/"):
        rows = "".join(f"{prefix}{i}.jpg,{'ab'[i % 2]}\n" for i in range(4))
        with pytest.raises(UserError, match=r"write the names as they are below that folder, such as a/0\.jpg"):
            listed(tmp_path / "labels.csv", f"Image,Id\n{rows}")
