"""How differently two models answer the same photos."""

import numpy as np
import pytest

from flows.models.differences import class_changes, differences
from tasks.inference.arrays import Ids, ScoredPredictions

NAMES = ["cat", "dog"]


def answers(truth: Ids, right: Ids) -> ScoredPredictions:
    is_right = right.astype(bool)
    predicted = np.where(is_right, truth, 1 - truth)
    return ScoredPredictions(truth, predicted, np.where(is_right, 1, 2), np.zeros(len(truth)), 2)


def test_differences_are_of_the_challenger_from_the_champion() -> None:
    truth = np.arange(100) % 2
    champion, challenger = answers(truth, np.arange(100) < 90), answers(truth, np.arange(100) < 80)
    found = differences("accuracy", challenger, champion, np.arange(100), NAMES, resamples=200)
    assert found.champion == pytest.approx(0.9)
    assert found.challenger.value == pytest.approx(0.8)
    assert found.difference.value == pytest.approx(-0.1)
    assert -0.2 < found.difference.low < -0.1 < found.difference.high < 0
    assert found.settled is None


def test_photos_that_were_listed_before_are_compared_alone() -> None:
    truth = np.arange(100) % 2
    champion, challenger = answers(truth, np.arange(100) < 50), answers(truth, np.arange(100) >= 50)
    is_settled = np.arange(100) < 50
    found = differences("accuracy", challenger, champion, np.arange(100), NAMES, settled=is_settled, resamples=200)
    assert found.difference.value == pytest.approx(0)
    assert found.settled is not None
    assert found.settled.value == pytest.approx(-1)


def test_the_p_value_of_a_class_is_that_of_exchanged_answers() -> None:
    truth = np.zeros(40, np.int64)
    champion, challenger = answers(truth, np.ones(40)), answers(truth, np.arange(40) >= 8)
    (change,) = class_changes(challenger, champion, np.arange(40), NAMES)
    assert (change.label, change.photos, change.champion, change.challenger) == ("cat", 40, 1.0, 0.8)
    random = np.random.default_rng(0)
    by_chance = random.choice([-1, 1], (20_000, 8)).sum(axis=1)
    assert change.p_value == pytest.approx((by_chance <= -8).mean(), abs=0.01)


def test_near_duplicates_count_as_one() -> None:
    truth = np.zeros(40, np.int64)
    champion, challenger = answers(truth, np.ones(40)), answers(truth, np.arange(40) >= 8)
    alone, in_groups = (
        class_changes(challenger, champion, groups, NAMES)[0] for groups in (np.arange(40), np.arange(40) // 8)
    )
    assert in_groups.groups == 5
    assert in_groups.p_value > 0.1 > alone.p_value


def test_a_class_that_gains_is_no_loss() -> None:
    truth = np.zeros(40, np.int64)
    champion, challenger = answers(truth, np.arange(40) >= 8), answers(truth, np.ones(40))
    assert class_changes(challenger, champion, np.arange(40), NAMES)[0].p_value > 0.99
