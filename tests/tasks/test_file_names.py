"""Names in lists, written otherwise than the files' own."""

import re
import unicodedata
from pathlib import Path

import pytest

from tasks.file_names import NameIndex, find_names, missing_path, shown_missing

KNOWN = [
    "glass/g0.jpg",
    "glass/g1.JPG",
    "glass/g 2.jpeg",
    "glass/\u00e9.jpg",
    "metal/m0.jpg",
    "metal/0.jpg",
    "glass/0.jpg",
]
KNOWN += ["metal/both.jpg", "metal/both.png", "metal/v1.2.tif", "-x.jpg", "'-y.jpg"]
INDEX = NameIndex(KNOWN, folder="/data/photos")


@pytest.mark.parametrize(
    ("name", "known", "how"),
    [
        ("glass/g0.jpg", "glass/g0.jpg", ""),
        ("glass\\g0.jpg", "glass/g0.jpg", "with back-slashes or ./"),  # Windows
        (".\\glass\\g0.jpg", "glass/g0.jpg", "with back-slashes or ./"),
        ("./glass//g0.jpg", "glass/g0.jpg", "with back-slashes or ./"),  # find, tar
        ("glass/g0", "glass/g0.jpg", "without the extension"),  # Kaggle's ids
        ("metal/v1.2", "metal/v1.2.tif", "without the extension"),
        ("Glass/g1.jpg", "glass/g1.JPG", "in other case or with another extension"),
        ("glass/g%202.jpg", "glass/g 2.jpeg", "in other case or with another extension"),  # a browser
        ("glass/e\u0301.jpg", "glass/\u00e9.jpg", "with other code points of the same text"),  # macOS
        ("photos/glass/g0.jpg", "glass/g0.jpg", "with the folder's own name before it"),
        ("C:\\data\\photos\\glass\\g0.jpg", None, ""),
        ("/data/photos/metal/m0.jpg", None, ""),
        ("data/photos/metal/m0.jpg", "metal/m0.jpg", "with the folder's own name before it"),
        ("-y.jpg", "'-y.jpg", "without the apostrophe before it"),  # read from a guarded CSV
    ],
)
def test_a_name_is_found_if_one_file_can_be_meant(name: str, known: str | None, how: str) -> None:
    match = INDEX.find(name)
    assert match.names == (() if known is None else (known,))
    assert match.how == how


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("m0.jpg", "metal/m0.jpg"),
        ("/home/me/M0.JPG", "metal/m0.jpg"),
        ("D:\\x\\m0", "metal/m0.jpg"),
        ("0.jpg", ""),
        ("n.jpg", ""),
    ],
)
def test_a_file_with_the_same_last_part_is_only_named(name: str, near: str) -> None:
    match = INDEX.find(name)
    assert not match.names
    assert match.near == near


def test_a_list_of_names_is_sorted_into_found_missing_and_ambiguous() -> None:
    found = find_names(["glass/g0", "glass\\g1.jpg", "m0.jpg", "gone", "metal/both", "glass/g0"], INDEX, "list.csv")
    assert found.found == {"glass/g0": "glass/g0.jpg", "glass\\g1.jpg": "glass/g1.JPG"}
    assert found.ambiguous == {"metal/both": ("metal/both.jpg", "metal/both.png")}
    assert shown_missing(found.missing) == "m0.jpg (metal/m0.jpg is there), gone"
    (note,) = found.notes
    assert note.startswith("list.csv: 2 names are written differently and were found: ")
    assert "1 without the extension (glass/g0 is glass/g0.jpg)" in note


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("사친", "did you mean 사진?"),
        ("phtos/cat/1.jpg", "did you mean photos?"),  # the first part that is missing
        ("photos/dgo", "did you mean dog?"),
        ("nothing", "nothing: no such file or folder$"),
        ("강아지", "강아지 is there in other code points"),
        ("사진/a/b", "b: no such file or folder$"),
    ],
)
def test_a_missing_path_names_what_is_probably_meant(tmp_path: Path, name: str, says: str) -> None:
    for folder in ("사진", "photos/dog", unicodedata.normalize("NFD", "강아지")):
        (tmp_path / folder).mkdir(parents=True)
    message = missing_path(tmp_path / name)
    assert re.search(says, message)
    assert message.startswith(f"{tmp_path / name}: no such file or folder")
