"""CSV files of users: read in the forms that Excel and others write, and refused with the remedy."""

from pathlib import Path

import pytest

from tasks.store.csv_file import CsvFile, read_csv
from tasks.store.errors import UserError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "list.csv"


def test_a_byte_order_mark_and_spaces_around_names_are_ignored_and_missing_values_are_empty(path: Path) -> None:
    path.write_bytes("\ufeffImage, Id\n1.jpg,a\n2.jpg\n\n3.jpg,c,more\n".encode())
    rows = [{"Image": "1.jpg", "Id": "a"}, {"Image": "2.jpg", "Id": ""}, {"Image": "3.jpg", "Id": "c"}]
    assert read_csv(path, ["Image"]) == CsvFile(["Image", "Id"], rows)


def test_the_case_of_columns_can_be_ignored(path: Path) -> None:
    path.write_text("URL,Label\nu,a\n")
    assert read_csv(path, ["url", "label"], ignore_case=True).rows == [{"url": "u", "label": "a"}]
    with pytest.raises(UserError, match="has no column url"):
        read_csv(path, ["url"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"has no column Image; its columns are \(none\); name them Image and separate them by commas"),
        (b"Image\n\xe9\n", "can't be read as CSV .*; save it as CSV, encoded as UTF-8"),
        (b"Image\n" + b"a" * 200_000, "can't be read as CSV .*field larger"),
        (None, "can't be read as CSV .*No such file"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_remedy(path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=rf"list\.csv {message}"):
        read_csv(path, ["Image"])
