"""Answers to the most certain photos only."""

import numpy as np

from tasks.evaluate.diagnose.abstaining import accuracy_by_coverage, threshold_for

CONFIDENCE = np.array([0.5, 0.9, 0.7, 0.7])
RIGHT = np.array([False, True, True, False])


def test_the_most_certain_answers_come_first() -> None:
    coverage, accuracy = accuracy_by_coverage(CONFIDENCE, RIGHT)
    assert coverage.tolist() == [0.25, 0.75, 1.0]  # photos with the same confidence are answered together
    np.testing.assert_allclose(accuracy, [1, 2 / 3, 1 / 2])


def test_the_threshold_answers_as_many_as_possible() -> None:
    assert threshold_for(CONFIDENCE, RIGHT, 0.6) == 0.7
    assert threshold_for(CONFIDENCE, RIGHT, 0.9) == 0.9
    assert threshold_for(CONFIDENCE, RIGHT, 0.1) == 0.5


def test_an_accuracy_out_of_reach_has_no_threshold() -> None:
    assert threshold_for(CONFIDENCE, np.zeros(4, bool), 0.5) is None
    assert threshold_for(CONFIDENCE[:0], RIGHT[:0], 0.5) is None
