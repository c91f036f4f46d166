"""Names: what people take for the same, and what can't be seen."""

import unicodedata

import pytest

from tasks.names import alike, distinct, nfc, visible, warn_of_alike


def test_a_name_of_macos_and_one_from_a_keyboard_are_the_same() -> None:
    assert nfc(unicodedata.normalize("NFD", "유리")) == nfc("유리") == "유리"
    assert nfc(unicodedata.normalize("NFD", "Müll")) == "Müll"


@pytest.mark.parametrize(
    "other",
    ["Glass", "GLASS ", " glass", "ｇｌａｓｓ", "gl\u200bass", "gl\N{CYRILLIC SMALL LETTER A}ss", "\ufeffglass"],
)
def test_names_that_look_alike_are_found(other: str) -> None:
    assert alike(["glass", "metal", other]) == [sorted(["glass", other])]


@pytest.mark.parametrize(
    "names", [["glass bottle", "glass_bottle"], ["T-shirt", "t shirt"], ["a\N{NO-BREAK SPACE}b", "a  b"]]
)
def test_separators_do_not_matter(names: list[str]) -> None:
    assert alike(names) == [sorted(names)]


def test_different_names_are_not_alike() -> None:
    assert not alike(["001", "01", "1", "nan", "None", "a/b", "😀", "😃", "İ", "ı", "glass", "grass", "cats"])


def test_what_cannot_be_seen_is_shown() -> None:
    assert visible("GLASS ") == "GLASS␣"
    assert visible("a  b") == "a␣␣b"
    assert visible("a\u200bb\u202e") == "a\\u200bb\\u202e"
    assert visible("a\N{NO-BREAK SPACE}b\t") == "a⍽b\\t"


@pytest.mark.parametrize("name", ["glass bottle", "유리", "👨‍👩‍👧 family", "می‌خواهم", "a/b", "İ", "\\udcff"])
def test_plain_names_are_shown_as_they_are(name: str) -> None:
    assert visible(name) == name


def test_alike_classes_are_named_with_their_counts() -> None:
    line = warn_of_alike({"glass": 1200, "Glass ": 2, "metal": 5})
    assert line == (
        "classes whose names look alike stay separate: 'Glass␣' (2 photos), 'glass' (1,200 photos); "
        "if they are one class, give them one name"
    )
    assert warn_of_alike({"glass": 1, "metal": 2}) is None


def test_names_that_look_equal_are_told_apart_by_code_points() -> None:
    cyrillic = "gl\N{CYRILLIC SMALL LETTER A}ss"
    assert distinct(cyrillic, ["glass", cyrillic]) == f"'{cyrillic}' [U+0430]"
    assert distinct("glass", ["glass", cyrillic]) == "'glass'"


@pytest.mark.parametrize("copy", ["glass - Copy", "glass - Copy (2)", "glass copy", "Copy of glass", "glass (1)"])
def test_the_copy_of_a_folder_looks_like_its_original(copy: str) -> None:
    assert alike(["glass", copy, "paper"]) == [sorted(["glass", copy])]
    assert not alike([copy, "paper", "type (1)", "type (2)", "hard copy"])
