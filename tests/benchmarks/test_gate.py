"""The simulation of the gate draws what it says, with the intervals of an evaluation."""

import numpy as np
import pytest

from benchmarks import gate
from tasks.evaluate import metrics


def test_the_intervals_are_those_of_an_evaluation() -> None:
    found, _ = gate._pair(np.random.default_rng(0), 200, -0.02)
    random = np.random.default_rng(0)  # the same draws again
    groups = gate._groups(random, 200)
    difficulties = gate._difficulties(random, groups, 2)
    truth = random.integers(gate._CLASSES, size=200)
    champion, challenger = (
        gate._answers(truth, gate._is_right(each, skill)) for each, skill in zip(difficulties, (0.9, 0.88), strict=True)
    )
    compared = metrics.compare(challenger, {"champion": champion}, groups, top_k=5, resamples=1000, seed=1)
    expected = compared["accuracy"].against["champion"].difference
    assert found.difference.value == pytest.approx(expected.value)
    assert found.difference.low == pytest.approx(expected.low, abs=0.006)
    assert found.difference.high == pytest.approx(expected.high, abs=0.006)


def test_retrainings_are_as_good_as_they_should_be_and_differ_on_some_photos() -> None:
    random = np.random.default_rng(0)
    right = gate._is_right(gate._difficulties(random, gate._groups(random, 20_000), 2), 0.9)
    assert right.mean(axis=1) == pytest.approx([0.9, 0.9], abs=0.01)
    assert (right[0] != right[1]).mean() == pytest.approx(0.075, abs=0.01)
