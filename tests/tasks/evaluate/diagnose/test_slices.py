"""Accuracy on slices of the test."""

import numpy as np
import pytest

from tasks.evaluate.diagnose.slices import LEAST_GROUPS, Slice, compare_slices, stratified_p_value


def compared(
    right: np.ndarray, values: list[str | None], classes: np.ndarray | None = None, groups: np.ndarray | None = None
) -> list[Slice]:
    attribute = np.array(values, np.object_)
    return compare_slices(
        right.astype(bool),
        {"engine": attribute},
        np.zeros(len(right), np.int64) if classes is None else classes,
        np.arange(len(right)) if groups is None else groups,
        resamples=200,
        seed=0,
    )


def test_a_hard_slice_is_found() -> None:
    right = np.concatenate([np.tile([1, 0], 30), np.ones(60)])
    rows = {row.value: row for row in compared(right, ["bad"] * 60 + ["good"] * 60)}
    assert (rows["bad"].verdict, rows["good"].verdict) == ("worse", "better")
    assert (rows["bad"].photos, rows["bad"].accuracy.value, rows["bad"].others) == (60, 0.5, 1.0)
    assert rows["bad"].accuracy.low < 0.5 < rows["bad"].accuracy.high


def test_a_hard_class_does_not_make_its_keyword_hard() -> None:
    """All photos of `hard` are of the first class, which is harder than the second one everywhere."""
    classes = np.repeat([0, 0, 1], 40)
    right = np.concatenate([np.tile([1, 0], 40), np.ones(40)])
    [first, second] = compared(right, ["hard"] * 40 + ["other"] * 80, classes)
    assert {first.verdict, second.verdict} == {"undecided"}
    assert {row.value: row.others for row in (first, second)} == {"hard": 0.5, "other": 0.5}


def test_a_slice_that_is_a_class_is_left_out() -> None:
    classes = np.repeat([0, 1], 40)
    assert compared(np.tile([1, 0], 40), ["cats"] * 40 + ["dogs"] * 40, classes) == []


@pytest.mark.parametrize(("photos", "groups", "count"), [(LEAST_GROUPS, 1, 2), (LEAST_GROUPS - 1, 1, 0), (60, 4, 0)])
def test_small_slices_are_left_out(photos: int, groups: int, count: int) -> None:
    """`groups` photos of a group are near duplicates."""
    right = np.tile([1, 0], photos)
    values = ["a"] * photos + ["b"] * photos
    assert len(compared(right, values, groups=np.arange(2 * photos) // groups)) == count


def test_unknown_values_are_no_slice() -> None:
    assert compared(np.ones(100), [None] * 60 + ["a"] * 40) == []


def test_with_one_class_it_is_fishers_exact_test() -> None:
    from scipy.stats import hypergeom

    right = np.repeat([True, False, True, False], [3, 7, 14, 6])
    inside = np.repeat([True, False], [10, 20])
    expected = 2 * hypergeom(30, 17, 10).cdf(3)
    assert stratified_p_value(right, inside, np.zeros(30, np.int64)) == pytest.approx(expected)


@pytest.mark.slow
def test_chance_is_rarely_called_a_difference() -> None:
    random = np.random.default_rng(0)
    values = [f"{i % 5}" for i in range(200)]
    wrong = [
        any(row.verdict != "undecided" for row in compared(random.random(200) < 0.9, values, np.arange(200) % 3))
        for _ in range(60)
    ]
    assert np.mean(wrong) <= 0.1
