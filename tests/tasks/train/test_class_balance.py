import numpy as np
import pytest

from tasks.networks.sampling import evenly
from tasks.train.class_balance import class_weights, log_shares

KINDS = ("none", "balanced", "sqrt", "effective")


def test_weights_of_equal_classes_are_one() -> None:
    for kind in KINDS:
        np.testing.assert_allclose(class_weights(np.array([5, 5]), kind, 10), [1, 1])


def test_balanced_classes_count_alike_and_photos_count_one_on_average() -> None:
    counts = np.array([10, 20, 70])
    weights = class_weights(counts, "balanced", 100)
    np.testing.assert_allclose(weights * counts, 100 / 3, rtol=1e-6)
    assert weights.dtype == np.float32


def test_the_root_is_between_equal_and_balanced() -> None:
    heavy, light = class_weights(np.array([1, 16]), "sqrt", 100)
    assert heavy / light == pytest.approx(4)


@pytest.mark.parametrize("kind", ["balanced", "sqrt", "effective"])
def test_a_class_of_one_photo_among_thousands_is_capped(kind) -> None:
    counts = np.array([1, 810])
    heavy, light = weights = class_weights(counts, kind, 10)
    assert heavy / light == pytest.approx(10)
    assert (weights * counts).sum() / counts.sum() == pytest.approx(1)


def test_the_effective_number_is_that_of_the_paper() -> None:
    heavy, light = class_weights(np.array([1, 100]), "effective", 1e6, beta=0.99)
    assert heavy / light == pytest.approx((1 - 0.99**100) / (1 - 0.99))  # arXiv:1901.05555, eq. 2


@pytest.mark.parametrize("kind", KINDS)
def test_four_thousand_whales_of_whom_half_have_one_photo_do_not_blow_up(kind) -> None:
    random = np.random.default_rng(0)
    counts = np.concatenate([np.ones(2220, np.int64), random.integers(2, 35, 2030), [810]])
    assert len(counts) == 4251
    weights = class_weights(counts, kind, 10)
    assert np.isfinite(weights).all()
    assert weights.min() > 0.1
    assert weights.max() / weights.min() <= 10.001
    assert (weights * counts).sum() / counts.sum() == pytest.approx(1, rel=1e-5)


def test_log_shares_are_those_of_the_counts() -> None:
    np.testing.assert_allclose(np.exp(log_shares(np.array([1, 3]))), [0.25, 0.75], rtol=1e-6)


def test_classes_are_drawn_as_often_as_each_other() -> None:
    targets = np.array([0] * 990 + [1] * 10)
    drawn = targets[evenly(targets, np.random.default_rng(0))]
    assert len(drawn) == 1000
    assert 0.45 < drawn.mean() < 0.55
