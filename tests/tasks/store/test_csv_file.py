"""CSV files of users: read in the forms that Excel and others write, and refused with the line and the remedy."""

import os
from pathlib import Path

import pytest

from tasks.store.csv_file import CsvRow, read_csv
from tasks.store.errors import UserError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "list.csv"


def test_a_byte_order_mark_and_spaces_around_names_are_ignored_and_missing_values_are_empty(path: Path) -> None:
    path.write_bytes("\ufeffImage, Id\n1.jpg,a\n2.jpg\n\n,\n3.jpg, 001 ,\n".encode())
    file = read_csv(path)
    assert file.columns == ["Image", "Id"]
    assert file.rows == [CsvRow(2, ["1.jpg", "a"]), CsvRow(3, ["2.jpg", ""]), CsvRow(6, ["3.jpg", " 001 "])]
    assert file.notes == [f"{path}: 1 rows have fewer values than the header (line 3); the missing ones count as empty"]


def test_a_pipe_and_a_folder_are_refused(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(UserError, match=r"list\.csv is a pipe or a device, not a CSV file"):
        read_csv(path)
    with pytest.raises(UserError, match="is a folder, not a CSV file"):
        read_csv(path.parent)


EUROPEAN = "Image;Id;Weight\n1.jpg;Maple, red;1,5\n2.jpg;b;2\n"


@pytest.mark.parametrize(
    "content",
    [
        EUROPEAN.encode(),  # Excel in Europe
        EUROPEAN.replace(";", "\t").encode("utf-16"),  # Excel's "Unicode text"
        EUROPEAN.replace("\n", "\r").encode(),  # Excel for Mac of old
        b"sep=;\r\n" + EUROPEAN.replace("\n", "\r\n").encode("utf-8"),
        b"\xef\xbb\xbf\n" + EUROPEAN.replace(";", "|").encode(),
        b'Image, Id, Weight\n1.jpg, "Maple, red", "1,5"\n2.jpg, b, 2\n',  # written by hand
        b'"Image","Id","Weight"\n"1.jpg","Maple, red","1,5"\n"2.jpg","b","2"\n',  # R, pandas with QUOTE_ALL
    ],
)
def test_other_separators_encodings_and_line_ends_are_read(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    file = read_csv(path, ["image", "id"])
    assert file.columns == ["Image", "Id", "Weight"]
    assert [row.values for row in file.rows] == [["1.jpg", "Maple, red", "1,5"], ["2.jpg", "b", "2"]]
    assert not file.notes


def test_the_wanted_columns_decide_what_separates_values(path: Path) -> None:
    path.write_text("Image;Id;Where, when, who\n1.jpg;a;b\n")
    assert read_csv(path, ["Image", "Id"]).columns == ["Image", "Id", "Where, when, who"]


def test_a_note_may_have_line_breaks_and_the_lines_are_counted(path: Path) -> None:
    path.write_text('Image,note,Id\n1.jpg,"big,\n\nand ""old""",a\n2.jpg,5" pipe,b\n')
    assert read_csv(path).rows == [
        CsvRow(2, ["1.jpg", 'big,\n\nand "old"', "a"]),
        CsvRow(5, ["2.jpg", '5" pipe', "b"]),
    ]


def test_empty_values_after_the_last_column_are_ignored(path: Path) -> None:
    path.write_text("Image,Id\n1.jpg,a,,\n2.jpg,b, \n")  # Excel, after a column was cleared
    assert [row.values for row in read_csv(path).rows] == [["1.jpg", "a"], ["2.jpg", "b"]]


def test_the_guard_against_formulas_is_undone(path: Path) -> None:
    path.write_text("Image,Id\n1.jpg,'=1+1\n2.jpg,'tis\n3.jpg,-x\n")
    file = read_csv(path)
    assert [row.values[1] for row in file.rows] == ["=1+1", "'tis", "-x"]
    assert "1 rows have values with an apostrophe before = + - or @" in file.notes[0]
    assert file.notes[0].endswith("(line 2)")


ROWS = "".join(f"{i}.jpg,a,\n" for i in range(30))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f'Image,Id,note\n1.jpg,a,\n2.jpg,"a,\n{ROWS}', "line 3: a quote opens here, but it is not closed"),
        (f'Image,Id,note\n1.jpg,a,"12 inch\n{ROWS}', "line 2: a quote opens here, but it is not closed; close it"),
        (f'Image,Id,note\n1.jpg,a,"12 inch\n{ROWS}2.jpg,b,"3 inch\n{ROWS}', "line 2: a quote opens here, but line 33"),
        (f'Image,Id,note\n1.jpg,a,"12 inch\n{ROWS}2.jpg,b,3"\n{ROWS}', "line 2: a quote .* closed only in line 33"),
        (
            'Image,Id,note\n1.jpg,a,"12 inch\n2.jpg,b,12 inch"\n',
            "line 2: a quote .* closed only in line 3, and the lines",
        ),
        (
            'Image,Id,note\n1.jpg,a,\n2.jpg,a,"5" pipe"\n',
            "line 3: a quote opens here, but line 3 can't be read with it",
        ),
        (f'name\n"1.jpg\n{ROWS}', "line 2: a quote opens here"),
        (
            "Image,Id\n\n1.jpg,Maple, red\n",
            r"line 3: 3 values, but the header has 2 columns \('1.jpg,Maple, red'\); put q",
        ),
        ("Image;Id\n1.jpg;Maple; red\n", "line 2: 3 values, .*; put quotes around values that contain semicolons"),
        ("Image,Id\n1.jpg,a\n2.jpg,b\0\n", "line 3: there is a NUL byte"),
        ("Image,Id\n1.jpg,a\n".encode("utf-16")[2:], "line 1: there is a NUL byte"),
        (
            "Image,Id\n1.jpg,고양이\n".encode("cp949"),
            r" can't be read as CSV \(line 2: .*; save it as CSV, encoded as UTF-8",
        ),
        (b"Image\n" + b"a" * 200_000, "line 2: can't be read as CSV .*field larger"),
        (None, ": there is no such file; create it"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_line(
    path: Path, content: str | bytes | None, message: str
) -> None:
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=rf"list\.csv(, )?{message}"):
        read_csv(path, ["Image"])


def test_a_quote_over_short_rows_is_refused_and_prose_with_commas_is_read(path: Path) -> None:
    path.write_text('Image,Id,Note\n1.jpg,a,"5 inch\n2.jpg,b\n3.jpg,b,5"\n4.jpg,a,\n')
    with pytest.raises(UserError, match="line 2: a quote opens here and is closed only in line 4"):
        read_csv(path)
    path.write_text('Image,Id,Note\n1.jpg,a,"found,\nnear the pier, in May, wet"\n2.jpg,b,\n')
    assert [row.values[:2] for row in read_csv(path).rows] == [["1.jpg", "a"], ["2.jpg", "b"]]


def test_a_line_before_the_header_is_shown_beside_the_first_row(path: Path) -> None:
    path.write_text("# of Ann\nImage,Id\n1.jpg,a\n")
    with pytest.raises(UserError, match=r"line 2: 2 values, .* if '# of Ann' is no name of a column, delete that line"):
        read_csv(path)
    path.write_text("Image\na,b.jpg\n")
    with pytest.raises(UserError, match=r"1 columns \('a,b\.jpg'\); put quotes around values that contain commas"):
        read_csv(path, ["image"])
