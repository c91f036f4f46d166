"""The choice among trials, with logits made up for a few validation photos."""

import math

import numpy as np
import pytest

from tasks.train.choice import choose
from tasks.train.trial import Trial

TRUTH = np.tile([0, 1], 50)
GROUPS = np.arange(100)


def trial(name: str, right: int, truth: np.ndarray = TRUTH) -> Trial:
    """Return a trial that is right for the first photos."""
    answers = np.where(np.arange(len(truth)) < right, truth, 1 - truth)
    logits = np.eye(2, dtype=np.float32)[answers] * 4
    return Trial(name, logits, logits, 1.0, [])


def chosen(*trials: Trial, metric="accuracy") -> str:
    return choose(trials, TRUTH, GROUPS, metric)[0].name


@pytest.mark.parametrize(
    ("dearer", "expected"),
    [
        (80, "cheap"),
        (81, "cheap"),  # one photo of a hundred is within a standard error
        (90, "dear"),
        (70, "cheap"),
    ],
)
def test_a_dearer_recipe_must_be_better_by_more_than_a_standard_error(dearer: int, expected: str) -> None:
    assert chosen(trial("cheap", 80), trial("dear", dearer)) == expected


def test_each_recipe_is_compared_with_the_best_one_before_it() -> None:
    best, judged = choose([trial("a", 60), trial("b", 80), trial("c", 81)], TRUTH, GROUPS, "accuracy")
    assert best.name == "b"
    assert [each.score for each in judged] == pytest.approx([0.6, 0.8, 0.81])
    assert judged[0].difference is None
    assert [each.difference for each in judged[1:]] == pytest.approx([0.2, 0.01])
    assert all(each.standard_error > 0 for each in judged[1:])


def test_near_duplicates_count_as_one_photo() -> None:
    trials = [trial("cheap", 90), trial("dear", 100)]
    assert choose(trials, TRUTH, GROUPS, "accuracy")[0].name == "dear"
    copies = np.minimum(GROUPS, 90)  # the ten that differ are copies of one photo
    assert choose(trials, TRUTH, copies, "accuracy")[0].name == "cheap"


def test_the_metric_decides() -> None:
    truth = np.repeat([0, 1], [90, 10])
    majority = np.tile(np.array([4, 0], np.float32), (100, 1))
    fair = np.eye(2, dtype=np.float32)[truth] * 4
    fair[:12] = [0, 4]  # more errors, but all of the common class
    trials = [Trial(name, logits, logits, 1.0, []) for name, logits in (("majority", majority), ("fair", fair))]
    assert choose(trials, truth, GROUPS, "accuracy")[0].name == "majority"
    assert choose(trials, truth, GROUPS, "balanced_accuracy")[0].name == "fair"


def test_the_scores_decide_not_the_logits_of_the_classifier() -> None:
    blend = trial("blend", 100)
    blend = Trial(blend.name, blend.scores, trial("", 0).logits, 1.0, [], infer_from="blend")
    assert chosen(trial("cheap", 80), blend) == "blend"


def test_without_validation_photos_the_cheapest_is_chosen() -> None:
    nothing = np.empty(0, np.int64)
    trials = [trial(name, 0, nothing) for name in ("cheap", "dear")]
    best, judged = choose(trials, nothing, nothing, "accuracy")
    assert best.name == "cheap"
    assert all(math.isnan(each.score) for each in judged)
    assert [(each.difference, each.standard_error) for each in judged] == [(None, None)] * 2
