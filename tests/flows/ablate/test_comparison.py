"""Differences from the first arm: paired over photos and seeds, corrected for their number, with their cost."""

from dataclasses import replace

import numpy as np
import pytest

from flows.ablate import wording
from flows.ablate.comparison import compare
from tasks.evaluate.metrics import Estimate
from tasks.store.errors import UserError
from tests.flows.ablate.results import RESAMPLES, compared, trained


def test_a_large_difference_is_measured_and_a_small_one_is_not() -> None:
    _, _, rows = compared({"x": 0.6, "better": 0.9, "same": 0.6, "worse": 0.3})
    first, better, same, worse = rows
    assert first.difference is None
    assert not first.is_measured
    assert better.is_measured
    assert worse.is_measured
    assert not same.is_measured
    assert better.difference is not None
    assert better.difference.value == pytest.approx(0.3)
    assert better.difference.low > 0.1
    assert better.by_seed == pytest.approx((0.9, 0.9, 0.9))
    assert better.score.value == pytest.approx(0.9)


def test_p_values_are_corrected_for_the_number_of_comparisons() -> None:
    few = compared({"x": 0.6, "a": 0.72})[2][1]
    many = compared({"x": 0.6, "a": 0.72, "b": 0.73, "c": 0.74, "d": 0.75})[2][1]
    assert few.p_value is not None
    assert many.p_value is not None
    assert many.p_value >= few.p_value


def test_chance_in_the_trainings_widens_the_interval() -> None:
    plan, done, rows = compared({"x": 0.6, "a": 0.7})
    chancy = done | {
        cell.title: trained(cell, 0.4 + 0.3 * cell.seed, 60, bias=5) for cell in plan.cells if cell.arm.name == "a"
    }
    difference, wider = rows[1].difference, compare(plan, chancy, resamples=RESAMPLES)[1][1].difference
    assert difference is not None
    assert wider is not None
    assert wider.value == pytest.approx(difference.value)
    assert wider.high - wider.low > 1.5 * (difference.high - difference.low)


def test_the_cost_is_the_mean_of_the_seeds_and_devices_count() -> None:
    row = compared({"x": 0.6, "a": 0.7})[2][1]
    assert row.seconds == 121
    assert row.device_seconds == 240
    assert row.stages == {"preprocess": 1, "train": 120}


def test_an_arm_that_failed_is_left_out_and_each_number_of_photos_is_compared_on_its_own() -> None:
    plan, done, rows = compared({"x": 0.6, "a": 0.7}, sizes=[5, "all"])
    assert [(row.arm, row.size) for row in rows] == [("x", 5), ("a", 5), ("x", "all"), ("a", "all")]
    left = {title: each for title, each in done.items() if title != "a, 5 a class, seed 2"}
    assert [(row.arm, row.size) for row in compare(plan, left, resamples=RESAMPLES)[1]] == [
        ("x", 5),
        ("x", "all"),
        ("a", "all"),
    ]


def test_answers_to_other_photos_are_not_compared() -> None:
    plan, done, _ = compared({"x": 0.6, "a": 0.7})
    title = "a, seed 1"
    other = replace(done[title], answers=done[title].answers.assign(photo=[f"{i}" for i in range(90)]))
    with pytest.raises(UserError, match="a, seed 1: its test photos are not those of the first arm"):
        compare(plan, done | {title: other})


def test_what_is_right_by_an_arms_own_names_of_the_unknown_class_stays_right() -> None:
    plan, done, rows = compared({"x": 0.6, "a": 0.6})
    renamed = {
        title: replace(each, answers=each.answers.replace({"label": {"c": "new"}, "predicted": {"c": "new"}}))
        for title, each in done.items()
        if title.startswith("a,")
    }
    found = compare(plan, done | renamed, resamples=RESAMPLES)[1][1]
    np.testing.assert_allclose(found.score.value, rows[1].score.value)


@pytest.mark.parametrize(
    ("difference", "p_value", "seconds", "text"),
    [
        (
            Estimate(0.003, -0.011, 0.018),
            0.6,
            900,
            "a: no measurable gain: +0.3 points, -1.1 to 1.8, for 14 more minutes",
        ),
        (
            Estimate(-0.033, -0.093, 0.028),
            0.2,
            60,
            "a: no measurable loss: -3.3 points, -9.3 to 2.8, for about the same time",
        ),
        (
            Estimate(-0.0003, -0.016, 0.013),
            0.9,
            60,
            "a: no measurable gain: 0.0 points, -1.6 to 1.3, for about the same time",
        ),
        (Estimate(0.05, 0.02, 0.08), 0.001, 30, "a: a gain: +5.0 points, 2.0 to 8.0, for 30 fewer seconds"),
        (Estimate(-0.05, -0.08, -0.02), 0.001, 90, "a: a loss: -5.0 points, -8.0 to -2.0, for 30 more seconds"),
        (
            Estimate(0.05, 0.02, 0.08),
            0.12,
            62,
            "a: no measurable difference among so many comparisons: +5.0 points, 2.0 to 8.0 (corrected p = 0.12), "
            "for about the same time",
        ),
    ],
)
def test_a_sentence_says_what_an_arm_gains_and_for_how_much_time(
    difference: Estimate, p_value: float, seconds: float, text: str
) -> None:
    first, row = compared({"x": 0.6, "a": 0.7}, seeds=1)[2]
    found = replace(row, difference=difference, p_value=p_value, seconds=seconds)
    assert wording.sentence(found, replace(first, seconds=60)) == text


def test_arms_in_which_all_seeds_answer_the_same_are_named() -> None:
    plan, done, rows = compared({"x": 0.6, "a": 0.7})
    assert wording.agreeing(rows) == ["x", "a"]
    chancy = {cell.title: trained(cell, 0.6, 60, bias=5) for cell in plan.cells if cell.arm.name == "x"}
    assert wording.agreeing(compare(plan, done | chancy, resamples=RESAMPLES)[1]) == ["a"]
