"""Means with intervals."""

import numpy as np
import pytest

from tasks.evaluate.diagnose.means import grouped_means, p_value_of_mean


def test_the_interval_is_that_of_the_groups() -> None:
    """100 photos in 10 groups of the same answers say no more than 10 photos."""
    alone = np.tile([1.0, 0.0], 50)
    [of_photos] = grouped_means(alone[None], np.arange(100), resamples=500, seed=0)
    [of_groups] = grouped_means(
        np.repeat([1.0, 0.0], 5)[None].repeat(10, 1), np.arange(100) // 10, resamples=500, seed=0
    )
    assert of_photos.value == of_groups.value == 0.5
    assert of_photos.high - of_photos.low == pytest.approx(2 * 1.96 * 0.05, abs=0.03)
    assert of_groups.high - of_groups.low > 2 * (of_photos.high - of_photos.low)


def test_photos_outside_do_not_count() -> None:
    values = np.array([[1.0, 0.0, np.nan, np.nan], [np.nan, np.nan, 1.0, 1.0]])
    half, all_right = grouped_means(values, np.arange(4), resamples=200, seed=0)
    assert half.value == 0.5
    assert (all_right.value, all_right.high) == (1, 1)
    assert all_right.low == pytest.approx(0.025**0.5)  # exact, of two groups


def test_differences_may_be_negative() -> None:
    [found] = grouped_means(np.full((1, 9), -1.0), np.arange(9), least=-1, resamples=100, seed=0)
    assert found.low == found.value == -1
    assert found.high > -1


def test_the_p_value_of_a_mean() -> None:
    from scipy.stats import ttest_1samp

    values = np.random.default_rng(0).normal(0.5, 1, 30)
    assert p_value_of_mean(values, np.arange(30)) == pytest.approx(ttest_1samp(values, 0).pvalue)
    assert p_value_of_mean(np.array([0.5]), np.array([0])) == 1
