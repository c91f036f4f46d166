"""Where a check would reject too many photos."""

import pytest

from tasks.filter.limits import RejectionLimit


def beyond(failing: list[int], labels: str, photos: str = "", share: float = 1 / 3) -> set[str]:
    """Return the classes beyond the limit, for one letter per row."""
    photos = photos or "abcdefghijklmnopqrstuvwxyz"[: len(labels)]
    return RejectionLimit(range(len(labels)), list(photos), list(labels), share).classes_beyond(failing)


@pytest.mark.parametrize(
    ("failing", "expected"), [([], set()), ([0, 1], set()), ([0, 1, 2], {"x"}), ([0, 1, 6, 7], set()), ([0], set())]
)
def test_more_than_the_share_of_a_class_is_too_much(failing: list[int], expected: set[str]) -> None:
    assert beyond(failing, "xxxxxxyyyyyy") == expected


def test_more_than_the_share_of_all_photos_is_too_much_for_every_class() -> None:
    labels = "a" * 4 + "b" * 4 + "c" * 2 + "d" * 2
    assert beyond([0, 4, 8], labels) == set()
    assert beyond([0, 4, 8, 10], labels) == set()  # exactly a third
    assert beyond([0, 1, 4, 8, 10], labels) == {"a", "b", "c", "d"}


def test_a_single_photo_is_never_too_much_unless_the_class_has_no_other() -> None:
    assert beyond([0], "xyyyyy") == {"x"}
    assert beyond([0], "xyyyyy", share=1) == set()
    assert beyond([0], "xxyyyy") == set()
    assert beyond([0, 1], "xxyyyy") == {"x"}


def test_copies_of_a_file_count_once() -> None:
    assert beyond([0, 1, 2], "xxxxx", "aaabc") == set()
    assert beyond([0, 1, 2, 3], "xxxxx", "aaabc") == {"x"}


@pytest.mark.parametrize(("share", "expected"), [(1, set()), (0.5, {"x"}), (0, {"x", "y"})])
def test_the_share_is_a_setting(share: float, expected: set[str]) -> None:
    assert beyond([0, 1, 2, 4, 5], "xxxxyyyyyyyy", share=share) == expected
