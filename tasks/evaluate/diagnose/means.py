"""Means of numbers that photos have, with 95 % intervals."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.evaluate.metrics import Estimate
from tasks.evaluate.significance import SAME, two_sided
from tasks.inference.arrays import Floats

_TAIL = 0.025
"""Probability on each side of a 95 % interval."""


def grouped_means(
    values: Floats, groups: NDArray[Any], *, least: float = 0, resamples: int, seed: int
) -> list[Estimate]:
    """Compute means with 95 % intervals: the percentile bootstrap of groups of near duplicates (see `metrics`).

    If all resamples give the same mean (for example, all answers are right), the interval is the exact binomial one for
    groups (Clopper and Pearson 1934).

    Args:
        values: (k, n) k numbers of each photo, such as 1 where its answer is right; NaN where a photo doesn't belong to
            the mean. Each row has 1 number or more.
        groups: (n,) the group of near duplicates of each photo.
        least: The lowest possible number; the highest one is 1.
        resamples: Number of resamples. Those without a photo of a mean are left out for it.
        seed: Seed of the resampling.
    """
    number = np.unique(groups, return_inverse=True)[1]
    count = int(number.max()) + 1
    sums, sizes = _by_group(values, number, count)
    random, shares = np.random.default_rng(seed), np.full(count, 1 / count)
    samples = np.empty((resamples, len(values)))
    for i in range(resamples):
        drawn = random.multinomial(count, shares)
        with np.errstate(invalid="ignore"):
            samples[i] = (sums @ drawn) / (sizes @ drawn)
    lows, highs = np.nanquantile(samples, [_TAIL, 1 - _TAIL], axis=0)
    spreads = np.nanmax(samples, axis=0) - np.nanmin(samples, axis=0)
    estimates = []
    for value, low, high, spread, size in zip(
        sums.sum(axis=1) / sizes.sum(axis=1), lows, highs, spreads, sizes, strict=True
    ):
        if spread < SAME:
            different = 1 - _TAIL ** (1 / np.count_nonzero(size))
            low, high = value - different * (value - least), value + different * (1 - value)  # noqa: PLW2901
        estimates.append(Estimate(float(value), float(low), float(high)))
    return estimates


def p_value_of_mean(values: Floats, groups: NDArray[Any]) -> float:
    """Compute the two-sided p-value of a mean that would be 0 by chance: Student's t test of the means of groups.

    Args:
        values: (n,) a number of each photo; n is 1 or more.
        groups: (n,) the group of near duplicates of each photo.
    """
    number = np.unique(groups, return_inverse=True)[1]
    count = int(number.max()) + 1
    means = np.bincount(number, values) / np.bincount(number)
    error = float(means.std(ddof=1) / np.sqrt(count)) if count > 1 else 0.0
    return two_sided(float(means.mean()), error, count - 1)


def _by_group(values: Floats, number: NDArray[np.int64], count: int) -> tuple[Floats, Floats]:
    """Sum the values, and count them, in each group: two arrays (k, groups)."""
    known = ~np.isnan(values)
    sums = [np.bincount(number[row], each[row], count) for each, row in zip(values, known, strict=True)]
    sizes = [np.bincount(number[row], minlength=count) for row in known]
    return np.stack(sums), np.stack(sizes).astype(np.float64)
