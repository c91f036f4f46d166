"""The columns of a CSV: found in other case, and a name that is almost right is pointed out."""

from pathlib import Path

import pytest

from tasks.store.csv_columns import Column, Columns, find_columns
from tasks.store.csv_file import CsvRow, read_csv
from tasks.store.errors import UserError

IMAGE = Column("Image", "image", "crawl.columns.image", "required")
ID = Column("Id", "label", "crawl.columns.label", "required")
GROUP = Column("Group", "group", "crawl.columns.group")


def find(folder: Path, header: str, *columns: Column) -> Columns:
    (folder / "list.csv").write_text(f"{header}\n")
    return find_columns(read_csv(folder / "list.csv"), columns)


def test_columns_are_found_in_any_order_and_a_missing_one_is_empty(tmp_path: Path) -> None:
    found = find(tmp_path, ",Id,Image,note", IMAGE, ID, GROUP)  # pandas writes its index without a name
    row = CsvRow(2, ["0", " a ", "1.jpg", ""])
    assert (found.get(row, "Image"), found.get(row, "Id"), found.raw(row, "Id")) == ("1.jpg", "a", " a ")
    assert found.get(row, "Group") == ""
    assert "Group" not in found
    assert not found.notes


def test_case_differs_with_one_note(tmp_path: Path) -> None:
    found = find(tmp_path, "image,ID,group", IMAGE, ID, GROUP)
    assert found.position == {"Image": 0, "Id": 1, "Group": 2}
    (note,) = found.notes
    assert "image is read as Image, ID is read as Id, group is read as Group; the case" in note


def test_the_same_case_wins_over_another_one(tmp_path: Path) -> None:
    assert find(tmp_path, "ID,Image,Id", IMAGE, ID).position == {"Image": 1, "Id": 2}


@pytest.mark.parametrize("name", ["Groups", "Grp", "burst", "seq_id", "Gruop"])
def test_what_may_be_an_optional_column_is_named(tmp_path: Path, name: str) -> None:
    (note,) = find(tmp_path, f"Image,Id,{name}", IMAGE, ID, GROUP).notes
    assert f"column {name} is not read; if it is the Group of each row, set crawl.columns.group={name}" in note


@pytest.mark.parametrize("name", ["note", "width_px", "Good", "sex"])
def test_other_columns_need_no_word(tmp_path: Path, name: str) -> None:
    assert not find(tmp_path, f"Image,Id,{name}", IMAGE, ID, GROUP).notes


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            "filename,Id",
            r"has no column Image; its columns are filename, Id \(did you mean crawl\.columns\.image=filename\?\)",
        ),
        (
            "image_path,species",
            "no column Image and no column Id; .*mean crawl.columns.image=image_path crawl.columns.label=species",
        ),
        ("id,breed", "no column Image; .*did you mean crawl.columns.image=id crawl.columns.label=breed"),  # Kaggle
        ("id,label", "did you mean crawl.columns.image=id crawl.columns.label=label"),
        ("Imgae,Id", "did you mean crawl.columns.image=Imgae"),
        ("jpg_file,Id", "did you mean crawl.columns.image=jpg_file"),
        ("a,b", "its columns are a, b; name them Image,Id and separate them by commas, or set crawl.columns.image"),
        ("Image,Id,Id", r"has 2 columns that can be Id \(Id, Id\); rename or remove all but one"),
        ("Image,id,ID", r"has 2 columns that can be Id \(id, ID\)"),
        ("", r"its columns are \(none\)"),
        ("x" * 5_000, r"its columns are x{40}\.\.\.; name them"),  # JSON in one line
        (",".join(map(str, range(900))), r"its columns are 0, 1, .*, 19, \.\.\.; name them"),
    ],
)
def test_a_missing_or_repeated_column_is_refused(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        find(tmp_path, header, IMAGE, ID, GROUP)


def test_a_column_that_the_user_named_must_be_there(tmp_path: Path) -> None:
    named = Column("encounter", "group", "crawl.columns.group", "named")
    with pytest.raises(UserError, match=r"no column encounter; .*did you mean crawl\.columns\.group=Encounters"):
        find(tmp_path, "Image,Id,Encounters", IMAGE, ID, named)


def test_repeated_columns_that_nobody_needs_are_ignored(tmp_path: Path) -> None:
    assert find(tmp_path, "Image,Id,note,note,,", IMAGE, ID).position == {"Image": 0, "Id": 1}


def test_two_settings_for_one_column_are_refused(tmp_path: Path) -> None:
    label = Column("Image", "label", "crawl.columns.label", "required")
    with pytest.raises(UserError, match=r"crawl\.columns\.image and crawl\.columns\.label name the same column, Image"):
        find(tmp_path, "Image,Id", Column("Image", "image", "crawl.columns.image", "required"), label)
