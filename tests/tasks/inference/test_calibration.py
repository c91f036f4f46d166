import numpy as np
import pytest

from tasks.inference.arrays import softmax
from tasks.inference.calibration import Bins, Calibration, calibration_error, fit

RANDOM = np.random.default_rng(0)


def drawn(logits: np.ndarray) -> np.ndarray:
    """Classes drawn with the probabilities that logits say."""
    return np.array([RANDOM.choice(len(p), p=p) for p in softmax(logits)])


@pytest.mark.parametrize("sharpened", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_how_much_too_sure_a_classifier_is(sharpened) -> None:
    logits = RANDOM.normal(0, 2, (4000, 4))
    found = fit(sharpened * logits, drawn(logits))
    assert found.temperature == pytest.approx(sharpened, rel=0.1)
    assert found.unknown is None


def test_a_few_answers_that_are_all_right_are_no_reason_to_be_always_sure() -> None:
    truth = np.arange(12) % 3
    logits = 2 * np.eye(3)[truth]
    sure = fit(logits, truth)(logits).max(axis=1)
    np.testing.assert_allclose(sure, 13 / 14, rtol=1e-3)  # Platt's rule of succession
    assert fit(np.zeros((0, 3)), np.zeros(0, np.int64)) == Calibration(1.0)


def test_the_temperature_is_the_least_surprising_one_also_for_cosines() -> None:
    """Against a grid, with the surprise computed as its definition says."""
    cosines = RANDOM.uniform(-1, 1, (60, 3))
    truth = drawn(cosines / 0.1)
    other = 1 / 62 / 2
    targets = np.where(np.eye(3)[truth] > 0, 1 - 2 * other, other)
    grid = np.geomspace(0.01, 10, 2000)
    nll = [-(targets * np.log(softmax(cosines / temperature))).sum(axis=1).mean() for temperature in grid]
    assert fit(cosines, truth).temperature == pytest.approx(grid[np.argmin(nll)], rel=0.01)


def test_the_unknown_has_the_threshold_that_the_photos_speak_for() -> None:
    """Drawn with a temperature and a threshold, both are found again."""
    scores = RANDOM.normal(0, 2, (4000, 4))
    truth = drawn(np.pad(scores / 2, ((0, 0), (0, 1)), constant_values=1.5))
    found = fit(scores, truth, unknown=True)
    assert found.temperature == pytest.approx(2, rel=0.1)
    assert found.unknown == pytest.approx(1.5, abs=0.1)
    probabilities = found(scores)
    assert probabilities.shape == (4000, 5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert probabilities[:, 4].mean() == pytest.approx((truth == 4).mean(), abs=0.01)


def test_the_unknown_is_answered_where_no_class_reaches_the_threshold() -> None:
    probabilities = Calibration(2.0, 1.0)(np.array([[4.0, 0.0], [1.0, 1.9]]))
    assert probabilities.argmax(axis=1).tolist() == [0, 2]
    assert probabilities[0] == pytest.approx(np.exp([2, 0, 1]) / np.exp([2, 0, 1]).sum())


def test_large_logits_do_not_overflow() -> None:
    assert 0.001 <= fit(np.array([[9000.0, 0], [0, 9000]]), np.array([0, 0])).temperature <= 20


def test_bins_from_the_least_sure_to_the_surest_with_wilsons_intervals() -> None:
    bins = Bins.of(np.linspace(1, 0.5, 25), np.arange(25) < 13)
    assert bins.photos.tolist() == [13, 12]
    assert np.all(np.diff(bins.sure) > 0)
    low, high = Bins(np.array([0.9, 0.9]), np.array([0.5, 1.0]), np.array([10, 10])).intervals()
    np.testing.assert_allclose(low, [0.2366, 0.7225], atol=1e-4)  # R's prop.test(5, 10, correct=FALSE)
    np.testing.assert_allclose(high, [0.7634, 1], atol=1e-4)


def test_the_error_of_a_hand_worked_case() -> None:
    probability = np.repeat([0.6, 0.9], 10)
    right = np.array([True] * 5 + [False] * 5 + [True] * 10)
    assert calibration_error(probability, right, bins=2) == pytest.approx((0.1 + 0.1) / 2)
    assert calibration_error(np.array([0.8]), np.array([True])) == pytest.approx(0.2)


def test_bins_hold_equally_many_photos() -> None:
    """One bin of equal width would hide that the sure half is wrong and the unsure half right."""
    probability = np.concatenate([np.full(50, 0.91), np.full(50, 0.99)])
    right = np.arange(100) < 50
    assert calibration_error(probability, right, bins=2) == pytest.approx((0.09 + 0.99) / 2)


def test_a_calibrated_classifier_has_next_to_none() -> None:
    logits = RANDOM.normal(0, 2, (5000, 4))
    truth = drawn(logits)
    answers = softmax(logits)
    assert calibration_error(answers.max(1), answers.argmax(1) == truth) < 0.03
    sure = softmax(4 * logits)
    assert calibration_error(sure.max(1), sure.argmax(1) == truth) > 0.1
