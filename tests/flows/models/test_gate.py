"""The rule of the gate."""

import pytest

from configs.schema import PromoteConfig
from flows.models.differences import ClassChange, Differences
from flows.models.gate import rule
from tasks.evaluate.metrics import Estimate
from tests.helpers.decisions import measured

SETTINGS = PromoteConfig()
EQUAL = Estimate(0.0, -0.02, 0.02)


def found(
    difference: Estimate = EQUAL,
    *,
    settled: Estimate | None = None,
    groups: int = 300,
    classes: tuple[ClassChange, ...] = (),
) -> Differences:
    score = Estimate(0.9, 0.85, 0.95)
    return Differences("accuracy", 300, groups, 0.9, score, difference, settled, classes)


def change(label: str, before: float, after: float, p_value: float, groups: int = 40) -> ClassChange:
    return ClassChange(label, groups, groups, before, after, p_value)


@pytest.mark.parametrize(
    ("difference", "outcome"),
    [
        (Estimate(0.03, 0.01, 0.05), "promoted"),
        (Estimate(-0.01, -0.03, 0.01), "promoted"),  # within the margin
        (Estimate(-0.008, -0.012, -0.004), "promoted"),  # surely lower, but by less than the margin
        (Estimate(-0.02, -0.05, 0.01), "undecided"),
        (Estimate(-0.229, -0.4, -0.057), "refused"),
    ],
)
def test_the_headline_metric_decides(difference: Estimate, outcome: str) -> None:
    assert rule(found(difference), SETTINGS).outcome == outcome


def test_a_refusal_has_the_numbers() -> None:
    ruling = rule(found(Estimate(-0.229, -0.4, -0.057)), SETTINGS)
    assert ruling.reason == "accuracy is 22.9 points lower (-40.0 to -5.7) on 300 listed photos"


def test_few_groups_of_photos_can_not_tell() -> None:
    ruling = rule(found(Estimate(-0.229, -0.4, -0.057), groups=29), SETTINGS)
    assert ruling.outcome == "undecided"
    assert ruling.reason == "29 groups of listed photos are too few to tell (at least 30)"


@pytest.mark.parametrize(
    ("settled", "outcome"),
    [
        (Estimate(-0.005, -0.03, 0.02), "promoted"),
        (Estimate(-0.03, -0.06, 0.001), "undecided"),
        (Estimate(-0.05, -0.09, -0.01), "refused"),
    ],
)
def test_photos_that_join_do_not_outvote_those_listed_before(settled: Estimate, outcome: str) -> None:
    ruling = rule(found(Estimate(0.04, 0.01, 0.07), settled=settled), SETTINGS)
    assert ruling.outcome == outcome
    assert outcome == "promoted" or "listed before this run" in ruling.reason


def test_a_margin_for_each_night_does_not_add_up() -> None:
    difference = Estimate(-0.008, -0.03, 0.02)
    assert rule(found(difference), SETTINGS, below_best=0.001).outcome == "promoted"
    ruling = rule(found(difference), SETTINGS, below_best=0.009)
    assert ruling.outcome == "undecided"
    assert "already 0.9 points below the best model before it" in ruling.reason


@pytest.mark.parametrize(
    ("classes", "outcome"),
    [
        ((change("fox", 0.9, 0.6, 0.0001),), "refused"),
        ((change("fox", 0.9, 0.82, 0.0001),), "promoted"),  # less than max_class_drop
        ((change("fox", 0.9, 0.7, 0.06),), "promoted"),  # may be chance
        ((change("fox", 0.9, 0.1, 0.0001, groups=9),), "promoted"),  # too few photos to count
        (tuple(change(f"fox {i}", 0.9, 0.7, 0.01) for i in range(5)), "refused"),
        (
            (change("fox", 0.9, 0.7, 0.01), *(change(f"dog {i}", 0.9, 0.9, 0.5) for i in range(5))),
            "promoted",  # one of six classes does that by chance
        ),
    ],
)
def test_no_class_that_matters_may_fall(classes: tuple[ClassChange, ...], outcome: str) -> None:
    assert rule(found(classes=classes), SETTINGS).outcome == outcome


def test_a_refusal_names_the_classes_that_fall_most() -> None:
    classes = tuple(change(f"class {i}", 0.9, 0.1 * i, 0.0001) for i in range(5))
    reason = rule(found(classes=classes), SETTINGS).reason.replace("\N{NO-BREAK SPACE}", " ")
    assert "class 0 from 90.0 % to 0.0 % of 40 photos, class 1" in reason
    assert "class 3" not in reason
    assert reason.endswith("and 2 more classes")


@pytest.mark.parametrize(
    ("against", "text"),
    [
        ({"commonest": 0.005}, "not better than the majority class: accuracy is 0.5 points higher"),
        ({"nearest": -0.04}, "worse than the baseline nearest photo: accuracy is 4.0 points lower (-5.0 to -3.0)"),
        ({"logistic": -0.04}, "worse than the baseline logistic regression"),
    ],
)
def test_the_baselines_refuse(against: dict[str, float], text: str) -> None:
    metrics = measured(**against)
    ruling = rule(found(), SETTINGS, metrics)
    assert ruling.outcome == "refused"
    assert text in ruling.reason
    assert rule(found(), PromoteConfig(beat_baselines=False), metrics).outcome == "promoted"


def test_a_baseline_that_is_not_shown_to_be_better_does_not_refuse() -> None:
    assert rule(found(), SETTINGS, measured(logistic=-0.009)).outcome == "promoted"


def test_baselines_on_few_photos_leave_it_open() -> None:
    metrics = measured()
    metrics["test"]["groups"] = 12
    ruling = rule(found(), SETTINGS, metrics)
    assert (ruling.outcome, ruling.reason) == (
        "undecided",
        "its 12 groups of test photos are too few to compare it with the baselines",
    )


def test_scores_that_are_no_shares_have_three_decimals() -> None:
    lower = Differences("map_at_5", 300, 300, 0.5, Estimate(0.4, 0.3, 0.5), Estimate(-0.1, -0.15, -0.05), None, ())
    assert rule(lower, SETTINGS).reason == "mAP@5 is 0.100 lower (-0.150 to -0.050) on 300 listed photos"
