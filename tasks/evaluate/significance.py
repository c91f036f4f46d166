"""P-values of differences between two classifiers on the same photos, and their correction for their number."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.inference.arrays import Floats, ScoredPredictions
from tasks.inference.scores import SCORES, score

SAME = 1e-12
"""Smaller differences of shares are rounding errors."""


def p_values(
    ours: ScoredPredictions,
    theirs: ScoredPredictions,
    groups: NDArray[Any],
    *,
    top_k: int,
    exchanges: int,
    seed: int,
) -> dict[str, float]:
    """Compute the p-value of the difference in each of `scores.SCORES`, by approximate randomisation.

    If two classifiers are equally good, it doesn't matter which of them gave which answers to a group (Noreen 1989,
    "Computer-intensive methods for testing hypotheses"; for F1: Yeh 2000, COLING, 947-953). The percentiles of the
    bootstrap, in contrast, find too many differences in macro F1 and balanced accuracy where a class has few photos.

    The share of exchanges with a larger difference can't resolve the small p-values that many comparisons need. So the
    difference is divided by the root mean square of those after exchanges, and compared with Student's t with one
    degree of freedom less than there are groups.

    Args:
        ours: The predictions of the first classifier for n photos.
        theirs: The predictions of the second classifier for the same photos.
        groups: (n,) the group of near duplicates of each photo.
        top_k: k of top-k accuracy.
        exchanges: Number of random exchanges.
        seed: Seed of the exchanges.

    Returns:
        The p-value of each score, two-sided, not corrected for the number of comparisons.
    """

    def differences(swapped: NDArray[np.bool_]) -> Floats:
        a, b = (score(_mixed(*pair, swapped), top_k) for pair in ((ours, theirs), (theirs, ours)))
        return np.array([a[name] - b[name] for name in SCORES])

    number = np.unique(groups, return_inverse=True)[1]
    count = int(number.max()) + 1
    random = np.random.default_rng(seed)
    by_chance = np.array([differences((random.random(count) < 0.5)[number]) for _ in range(exchanges)])
    found = differences(np.zeros(len(number), np.bool_))
    spread = np.sqrt(np.mean(by_chance**2, axis=0))
    return {name: two_sided(found[i], spread[i], count - 1) for i, name in enumerate(SCORES)}


def two_sided(difference: float, error: float, freedom: int) -> float:
    """Compute the p-value of a difference with a standard error; 1 if the error is 0 or there is a single group."""
    from scipy.special import stdtr

    if error < SAME or freedom < 1:
        return 1.0
    return float(2 * stdtr(freedom, -abs(difference) / error))


def holm(p_values: Sequence[float]) -> Floats:
    """Correct p-values `(n,)` for their number by Holm's method (1979, Scandinavian Journal of Statistics 6, 65-70).

    If those of at most 5 % are called significant, the probability of any wrong call is at most 5 %.
    """
    values = np.asarray(p_values, np.float64)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)), 1)
    return adjusted


def _mixed(ours: ScoredPredictions, theirs: ScoredPredictions, where: NDArray[np.bool_]) -> ScoredPredictions:
    """Replace the answers to some photos by those of another classifier; `where`: (n,)."""
    predicted, rank, loss = (
        np.where(where, getattr(theirs, name), getattr(ours, name)) for name in ("predicted", "rank", "loss")
    )
    return ScoredPredictions(ours.truth, predicted, rank, loss, ours.classes)
