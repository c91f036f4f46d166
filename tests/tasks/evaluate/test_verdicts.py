from typing import Any

import numpy as np
import pytest

from tasks.evaluate import metrics, summary
from tasks.evaluate.verdicts import LEAST_GROUPS, set_verdicts
from tasks.inference.arrays import ScoredPredictions, softmax


def compared(p_value: float, low: float = 0.01, high: float = 0.2) -> dict[str, Any]:
    difference = {"value": (low + high) / 2, "low": low, "high": high}
    return {"value": 0.5, "difference": difference, "p_value": p_value}


def part(groups: int = 100, **scores: dict[str, Any]) -> dict[str, Any]:
    return {"groups": groups, "scores": {name: {"against": against} for name, against in scores.items()}}


def verdicts(measured: dict[str, Any], name: str) -> list[str]:
    return [against["verdict"] for against in measured["test"]["scores"][name]["against"].values()]


def test_verdicts_are_corrected_for_all_baselines_scores_and_the_champion() -> None:
    """0.02 would be significant alone; with two other comparisons, it is multiplied by 2 after the smallest."""
    measured = {"test": part(accuracy={"commonest": compared(0.001), "nearest": compared(0.02)})}
    set_verdicts(measured)
    assert verdicts(measured, "accuracy") == ["better", "better"]
    measured["champion"] = part(accuracy={"champion": compared(0.03)})
    set_verdicts(measured)
    assert measured["champion"]["scores"]["accuracy"]["against"]["champion"]["verdict"] == "better"
    measured["test"] = part(
        accuracy={"commonest": compared(0.001), "nearest": compared(0.02)}, macro_f1={"nearest": compared(0.5)}
    )
    set_verdicts(measured)
    assert verdicts(measured, "accuracy") == ["better", "undecided"]
    assert measured["champion"]["scores"]["accuracy"]["against"]["champion"]["verdict"] == "undecided"


@pytest.mark.parametrize(
    ("name", "low", "high", "expected"),
    [
        ("accuracy", 0.01, 0.2, "better"),
        ("accuracy", -0.2, -0.01, "worse"),
        ("log_loss", 0.01, 0.2, "worse"),
        ("log_loss", -0.2, -0.01, "better"),
        ("accuracy", -0.01, 0.2, "undecided"),  # the table would contradict the verdict
        ("accuracy", 0, 0.2, "undecided"),
    ],
)
def test_verdicts_agree_with_the_interval(name: str, low: float, high: float, expected: str) -> None:
    measured = {"test": part(**{name: {"nearest": compared(0.0001, low, high)}})}
    set_verdicts(measured)
    assert verdicts(measured, name) == [expected]


def test_few_photos_tell_nothing_and_count_for_nothing() -> None:
    measured = {
        "test": part(LEAST_GROUPS, accuracy={"nearest": compared(0.04)}),
        "champion": part(LEAST_GROUPS - 1, accuracy={"champion": compared(1e-9)}),
    }
    set_verdicts(measured)
    assert measured["champion"]["scores"]["accuracy"]["against"]["champion"]["verdict"] == "too few"
    assert verdicts(measured, "accuracy") == ["better"]


def test_removed_photos_change_no_verdict_on_the_classifier() -> None:
    measured = {"test": part(accuracy={"nearest": compared(0.04)})}
    measured["removed"] = {"groups": 105, "scores": {"accuracy": compared(0.02), "macro_f1": compared(0.03)}}
    set_verdicts(measured)
    assert verdicts(measured, "accuracy") == ["better"]
    assert [score["verdict"] for score in measured["removed"]["scores"].values()] == ["better", "better"]
    measured["test"]["groups"] = 5
    set_verdicts(measured)
    assert {score["verdict"] for score in measured["removed"]["scores"].values()} == {"too few"}


@pytest.mark.slow
@pytest.mark.parametrize("photos", [40, 100])
def test_classifiers_that_are_equally_good_get_no_verdicts(photos: int) -> None:
    """In at most 5 % of evaluations, any verdict is better or worse; the percentiles of the bootstrap: in over 40 %."""
    evaluations = 60
    wrong = by_percentiles = 0
    for seed in range(evaluations):
        random = np.random.default_rng(seed)
        truth = random.choice(5, size=photos, p=[0.6, 0.2, 0.1, 0.06, 0.04])
        common = random.normal(size=(photos, 5)) + 1.5 * np.eye(5)[truth]
        answers, *others = (
            ScoredPredictions.of(truth, softmax(2 * (common + 0.6 * random.normal(size=(photos, 5))))) for _ in range(4)
        )
        named = dict(zip(("commonest", "nearest", "logistic"), others, strict=True))
        found = summary.scores(metrics.compare(answers, named, np.arange(photos), top_k=2, resamples=100, seed=seed))
        measured = {"test": {"groups": photos, "scores": found}}
        set_verdicts(measured)
        every = [against for score in found.values() for against in score["against"].values()]
        wrong += any(against["verdict"] in ("better", "worse") for against in every)
        by_percentiles += any(
            not against["difference"]["low"] <= 0 <= against["difference"]["high"] for against in every
        )
    assert wrong <= 0.05 * evaluations
    assert by_percentiles > 0.3 * evaluations
