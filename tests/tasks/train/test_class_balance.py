import numpy as np
import pytest

from configs.schema import ImbalanceConfig
from tasks.train.class_balance import class_weights, log_priors

NONE = ImbalanceConfig(method="none")
BALANCED = ImbalanceConfig(method="weights")
SQRT = ImbalanceConfig(method="weights", power=0.5)
EFFECTIVE = ImbalanceConfig(method="effective")
CONFIGS = (NONE, BALANCED, SQRT, EFFECTIVE)


def test_weights_of_equal_classes_are_one() -> None:
    for config in CONFIGS:
        np.testing.assert_allclose(class_weights(np.array([5, 5]), config), [1, 1])


def test_balanced_classes_have_equal_total_weights_and_the_mean_is_one() -> None:
    counts = np.array([10, 20, 70])
    weights = class_weights(counts, BALANCED)
    np.testing.assert_allclose(weights * counts, 100 / 3, rtol=1e-6)
    assert weights.dtype == np.float32


def test_the_square_root_is_between_equal_and_balanced() -> None:
    rare, frequent = class_weights(np.array([1, 16]), SQRT)
    assert rare / frequent == pytest.approx(4)


@pytest.mark.parametrize("config", [BALANCED, SQRT, EFFECTIVE])
def test_a_class_of_one_photo_among_thousands_is_capped(config) -> None:
    counts = np.array([1, 810])
    rare, frequent = weights = class_weights(counts, config)
    assert rare / frequent == pytest.approx(10)
    assert (weights * counts).sum() / counts.sum() == pytest.approx(1)


def test_the_effective_number_is_that_of_the_paper() -> None:
    rare, frequent = class_weights(np.array([1, 100]), EFFECTIVE.model_copy(update={"cap": 1e6, "beta": 0.99}))
    assert rare / frequent == pytest.approx((1 - 0.99**100) / (1 - 0.99))  # arXiv:1901.05555, eq. 2


@pytest.mark.parametrize("method", ["none", "focal", "balanced_softmax", "logit_adjustment", "retrain_head"])
def test_other_methods_weigh_photos_equally(method) -> None:
    np.testing.assert_array_equal(class_weights(np.array([1, 16]), ImbalanceConfig(method=method)), [1, 1])


@pytest.mark.parametrize("config", CONFIGS)
def test_thousands_of_classes_with_one_photo_do_not_get_extreme_weights(config) -> None:
    random = np.random.default_rng(0)
    counts = np.concatenate([np.ones(2220, np.int64), random.integers(2, 35, 2030), [810]])
    assert len(counts) == 4251
    weights = class_weights(counts, config)
    assert np.isfinite(weights).all()
    assert weights.min() > 0.1
    assert weights.max() / weights.min() <= 10.001
    assert (weights * counts).sum() / counts.sum() == pytest.approx(1, rel=1e-5)


def test_log_priors_are_those_of_the_counts() -> None:
    np.testing.assert_allclose(np.exp(log_priors(np.array([1, 3]))), [0.25, 0.75], rtol=1e-6)
