"""Sets of possible classes."""

import numpy as np
import pytest

from tasks.inference.conformal import least_probability, prediction_sets


def test_the_quantile_is_that_of_split_conformal_prediction() -> None:
    of_truth = np.arange(1, 20) / 20  # 19 photos
    assert least_probability(of_truth, 0.9) == pytest.approx(0.1)  # the 18th of 19, from above: ceil(20 * 0.9)
    assert least_probability(of_truth, 0.5) == pytest.approx(0.5)
    assert least_probability(of_truth[:8], 0.9) is None  # ceil(9 * 0.9) = 9 of 8


def test_sets_contain_the_most_likely_class() -> None:
    probabilities = np.array([[0.5, 0.4, 0.1], [0.3, 0.35, 0.35]])
    assert prediction_sets(probabilities, 0.4).tolist() == [[True, True, False], [False, True, False]]


def test_the_coverage_is_kept_although_the_probabilities_are_wrong() -> None:
    """Means over 200 samples; the guarantee is about the mean."""
    random = np.random.default_rng(0)
    covered = []
    for _ in range(200):
        logits = random.normal(size=(150, 5))
        truth = np.array([random.choice(5, p=row) for row in np.exp(logits) / np.exp(logits).sum(1, keepdims=True)])
        wrong = np.exp(3 * logits) / np.exp(3 * logits).sum(1, keepdims=True)
        least = least_probability(wrong[np.arange(100), truth[:100]], 0.8)
        assert least is not None
        covered.append(prediction_sets(wrong[100:], least)[np.arange(50), truth[100:]].mean())
    assert 0.79 < np.mean(covered) < 0.86
