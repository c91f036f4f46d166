import numpy as np
import pytest

from tasks.inference.arrays import softmax
from tasks.inference.calibration import COSINES, LEAST_PHOTOS, Bins, Calibration, calibration_error, fit

RANDOM = np.random.default_rng(0)


def drawn(logits: np.ndarray) -> np.ndarray:
    """Draw classes with the softmax probabilities of logits."""
    return np.array([RANDOM.choice(len(p), p=p) for p in softmax(logits)])


@pytest.mark.parametrize("sharpened", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_overconfidence(sharpened: float) -> None:
    logits = RANDOM.normal(0, 2, (4000, 4))
    found = fit(sharpened * logits, drawn(logits))
    assert found.temperature == pytest.approx(sharpened, rel=0.1)
    assert found.unknown is None


def test_a_few_correct_predictions_do_not_give_probability_1() -> None:
    truth = np.arange(30) % 3
    logits = 2 * np.eye(3)[truth]
    confidence = fit(logits, truth)(logits).max(axis=1)
    np.testing.assert_allclose(confidence, 31 / 32, rtol=1e-3)  # Platt's rule of succession


@pytest.mark.parametrize("photos", [0, 3, LEAST_PHOTOS - 1])
def test_few_photos_give_no_temperature(photos: int) -> None:
    """Three photos, two of them wrong, once gave a temperature of 20."""
    logits, truth = 4 * np.eye(3)[np.zeros(photos, np.int64)], np.arange(photos) % 3
    assert fit(logits, truth) == Calibration(1.0)
    assert fit(logits, truth, uncalibrated=COSINES) == Calibration(COSINES)
    enough = np.arange(LEAST_PHOTOS) % 3
    assert fit(4 * np.eye(3)[0 * enough], enough).temperature > 5


def test_the_threshold_of_few_photos_suits_the_temperature_that_is_not_fitted() -> None:
    """The two known photos reach a score of 5, the two unknown ones a score of 1."""
    scores, truth = np.array([[5.0, 0], [0, 5], [1, 0.5], [0.5, 1]]), np.array([0, 1, 2, 2])
    found = fit(scores, truth, unknown=True)
    assert found.temperature == 1
    assert found(scores).argmax(axis=1).tolist() == [0, 1, 2, 2]


def test_the_temperature_minimises_the_loss_of_cosines() -> None:
    """Compare with a grid search over the smoothed loss."""
    cosines = RANDOM.uniform(-1, 1, (60, 3))
    truth = drawn(cosines / 0.1)
    other = 1 / 62 / 2
    targets = np.where(np.eye(3)[truth] > 0, 1 - 2 * other, other)
    grid = np.geomspace(0.01, 10, 2000)
    nll = [-(targets * np.log(softmax(cosines / temperature))).sum(axis=1).mean() for temperature in grid]
    assert fit(cosines, truth).temperature == pytest.approx(grid[np.argmin(nll)], rel=0.01)


def test_temperature_and_threshold_are_recovered() -> None:
    """Draw classes with a known temperature and threshold."""
    scores = RANDOM.normal(0, 2, (4000, 4))
    truth = drawn(np.pad(scores / 2, ((0, 0), (0, 1)), constant_values=1.5))
    found = fit(scores, truth, unknown=True)
    assert found.temperature == pytest.approx(2, rel=0.1)
    assert found.unknown == pytest.approx(1.5, abs=0.1)
    probabilities = found(scores)
    assert probabilities.shape == (4000, 5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert probabilities[:, 4].mean() == pytest.approx((truth == 4).mean(), abs=0.01)


def test_the_unknown_class_is_predicted_below_the_threshold() -> None:
    probabilities = Calibration(2.0, 1.0)(np.array([[4.0, 0.0], [1.0, 1.9]]))
    assert probabilities.argmax(axis=1).tolist() == [0, 2]
    assert probabilities[0] == pytest.approx(np.exp([2, 0, 1]) / np.exp([2, 0, 1]).sum())


def test_large_logits_do_not_overflow() -> None:
    assert 0.001 <= fit(np.tile([[9000.0, 0], [0, 9000]], (20, 1)), np.zeros(40, np.int64)).temperature <= 20


def test_bins_are_sorted_by_confidence_and_have_wilsons_intervals() -> None:
    bins = Bins.of(np.linspace(1, 0.5, 25), np.arange(25) < 13)
    assert bins.photos.tolist() == [13, 12]
    assert np.all(np.diff(bins.confidence) > 0)
    low, high = Bins(np.array([0.9, 0.9]), np.array([0.5, 1.0]), np.array([10, 10])).intervals()
    np.testing.assert_allclose(low, [0.2366, 0.7225], atol=1e-4)  # R's prop.test(5, 10, correct=FALSE)
    np.testing.assert_allclose(high, [0.7634, 1], atol=1e-4)


def test_calibration_error_of_a_case_computed_by_hand() -> None:
    probability = np.repeat([0.6, 0.9], 10)
    right = np.array([True] * 5 + [False] * 5 + [True] * 10)
    assert calibration_error(probability, right, bins=2) == pytest.approx((0.1 + 0.1) / 2)
    assert calibration_error(np.array([0.8]), np.array([True])) == pytest.approx(0.2)


def test_bins_have_equal_size() -> None:
    """A bin of equal width would hide that the more confident half is wrong and the other half right."""
    probability = np.concatenate([np.full(50, 0.91), np.full(50, 0.99)])
    right = np.arange(100) < 50
    assert calibration_error(probability, right, bins=2) == pytest.approx((0.09 + 0.99) / 2)


def test_a_calibrated_classifier_has_a_low_calibration_error() -> None:
    logits = RANDOM.normal(0, 2, (5000, 4))
    truth = drawn(logits)
    calibrated = softmax(logits)
    assert calibration_error(calibrated.max(1), calibrated.argmax(1) == truth) < 0.03
    overconfident = softmax(4 * logits)
    assert calibration_error(overconfident.max(1), overconfident.argmax(1) == truth) > 0.1
