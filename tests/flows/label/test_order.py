"""The order: typical photos of each group first, then doubtful ones that are unlike each other."""

import numpy as np

from flows.label.order import TYPICAL_FIRST, margins, next_batch, spread
from tasks.inference.arrays import l2_normalize

NOBODY = np.array([], np.int64)


def groups(*sizes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors in groups around different axes, and the group of each."""
    random = np.random.default_rng(0)
    group = np.repeat(np.arange(len(sizes)), sizes)
    return l2_normalize(np.eye(8)[group] + random.normal(0, 0.05, (len(group), 8))), group


def test_margins() -> None:
    assert margins(np.array([[0.5, 0.4, 0.1], [1.0, 0.0, 0.0], [np.nan, 0.3, 0.2]])).round(6).tolist() == [0.1, 1, 0.1]
    assert margins(np.ones((2, 1))).tolist() == [1, 1]


def test_the_first_photos_are_one_of_each_group_the_largest_first() -> None:
    vectors, group = groups(5, 40, 20, 10)
    chosen = next_batch(vectors, NOBODY, np.arange(75), 4)
    assert group[chosen].tolist() == [1, 2, 3, 0]


def test_groups_with_an_answer_are_covered() -> None:
    vectors, group = groups(40, 20, 10)
    answered = np.array([0, 1])
    chosen = next_batch(vectors, answered, np.arange(2, 70), 1, np.full((68, 2), 0.5))
    assert group[chosen].tolist() == [1]


def test_then_doubtful_photos_come_first_and_each_of_another_kind() -> None:
    vectors, group = groups(60, 60, 60)
    answered, open_ = np.arange(TYPICAL_FIRST), np.arange(TYPICAL_FIRST, 180)
    probabilities = np.tile([0.99, 0.01], (len(open_), 1))
    doubtful = np.isin(open_, [*range(60, 75), *range(120, 135)])
    probabilities[doubtful] = [0.55, 0.45]
    chosen = next_batch(vectors, answered, open_, 2, probabilities)
    assert sorted(group[chosen]) == [1, 2]
    assert set(chosen) <= set(open_[doubtful])


def test_a_model_in_use_is_believed_from_the_beginning() -> None:
    vectors, _ = groups(100)
    probabilities = np.tile([0.99, 0.01], (100, 1))
    probabilities[7] = [0.5, 0.5]
    untrained = next_batch(vectors, NOBODY, np.arange(100), 1, probabilities)
    assert 7 in next_batch(vectors, NOBODY, np.arange(100), 1, probabilities, trained=True)
    assert untrained != [7]


def test_no_more_than_there_are() -> None:
    vectors, _ = groups(3)
    assert next_batch(vectors, NOBODY, np.array([2, 1]), 10) == [2, 1]
    assert next_batch(vectors, NOBODY, NOBODY, 10) == []
    assert len(spread(vectors[[0, 0, 0]], np.arange(3), np.zeros(3), 3)) == 1
