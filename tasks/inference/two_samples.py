"""Two-sample tests: whether new values come from the distribution of the old ones, whatever the number of dimensions.

Two statistics complement each other. The energy distance (Székely and Rizzo, "Energy statistics", 2013) is twice the
mean distance between old and new, less the mean distances among the old and among the new; it is an MMD whose kernel is
the distance (Sejdinovic et al., arXiv:1207.6076), so it has no bandwidth to choose. It finds new values that are like
each other. How far the new values are from their nearest old ones (Sun et al., arXiv:2204.06507) rises in proportion to
the number of strange ones among them, of which the energy distance sees little while they are few.

The distribution of both comes from permutations: which values are new is drawn again, within each stratum (a class).
That is exact for any number of values and dimensions. Several tests share the same permutations. The largest of their
standardised statistics in each permutation gives the limit that all of them exceed in a share `level` of the cases (max
T; Westfall and Young, 1993). It controls the same error as Holm's method, but needs no more permutations for 500 tests
than for one: with Holm's method, the smallest p-value of 1,999 permutations could never be significant for 500.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.inference.arrays import Floats

Bools = NDArray[np.bool_]
_DEPTH = 4
"""The nearest old values are looked for among so many times as many values as should be needed on average."""
_AT_ONCE = 1 << 20
"""So many distances are compared at once."""


@dataclass(frozen=True)
class Tested:
    """The outcome of one of several tests."""

    deviation: float
    """By how many standard deviations of the permutations the statistic exceeds their mean."""
    limit: float
    """The largest deviation that is not significant; the same for all tests."""
    p: float
    """Adjusted for the number of tests, 1 / (permutations + 1) at least."""


def draw(is_new: Bools, permutations: int, rng: np.random.Generator) -> Bools:
    """Draw which of n values count as new: `(permutations + 1, n)`; the first row is what is observed."""
    ranks = rng.random((permutations, len(is_new)), dtype=np.float32).argsort(axis=1)
    return np.vstack([is_new[None], is_new[ranks]])


def pairwise(values: NDArray[np.floating]) -> Floats:
    """Compute the Euclidean distances `(n, n)` between the rows of values `(n, d)`."""
    values = values.astype(np.float64)
    squares = (values**2).sum(axis=1)
    distances: Floats = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * values @ values.T, 0))
    np.fill_diagonal(distances, 0)
    return distances


def nearest(distances: Floats, is_new: Bools, neighbours: int = 5) -> Floats:
    """Compute how far the new values are from their nearest old ones, for each draw, divided by the mean of all draws.

    1: as far as any values are. Few values of another kind raise it, many alike ones as well.

    Args:
        distances: (n, n), symmetric, 0 on the diagonal.
        is_new: (draws, n); each row has the same number of new values, and at least one old and one new.
        neighbours: How many old values count; if there are fewer, all.

    Returns:
        (draws,)
    """
    n, new = len(distances), int(is_new[0].sum())
    count = min(neighbours, n - new)
    depth = min(n - 1, 10 + _DEPTH * count * n // (n - new))
    others = distances + np.diag(np.full(n, np.inf))
    order = others.argsort(axis=1)[:, :depth]
    sorted_distances = np.take_along_axis(others, order, axis=1)
    found = np.empty(len(is_new))
    step = max(1, _AT_ONCE // (new * depth))
    for start in range(0, len(is_new), step):
        drawn = is_new[start : start + step]
        rows = np.nonzero(drawn)[1].reshape(len(drawn), new)
        is_old = ~drawn[np.arange(len(drawn))[:, None, None], order[rows]]
        taken = is_old & (is_old.cumsum(axis=2) <= count)
        near = sorted_distances[rows]
        # Where fewer old ones are among the closest `depth`, the others are at least as far as the last of these.
        total = (near * taken).sum(axis=2) + (count - taken.sum(axis=2)) * near[..., -1]
        found[start : start + step] = total.mean(axis=1)
    mean = found.mean()
    return found / mean if mean else np.ones(len(found))


def energies(distances: Floats, is_new: Bools) -> Floats:
    """Compute the energy distance for each draw, divided by twice the mean distance of all values.

    It is unbiased: 0 on average if old and new have the same distribution; about 1 if they have little in common.
    With only one old or one new value, the distances among these count as 0.

    Args:
        distances: (n, n), symmetric, 0 on the diagonal.
        is_new: (draws, n); each row has the same number of new values, and at least one old and one new.

    Returns:
        (draws,)
    """
    n, new = len(distances), int(is_new[0].sum())
    old = n - new
    chosen = is_new.astype(np.float32)
    mean = distances.sum() / max(n * (n - 1), 1)
    if not mean:
        return np.zeros(len(is_new))
    scaled = (distances / mean).astype(np.float32)
    among_new = np.einsum("pn,pn->p", chosen @ scaled, chosen).astype(np.float64)
    of_new = (chosen @ scaled.sum(axis=1)).astype(np.float64)
    between = of_new - among_new
    among_old = float(scaled.sum(dtype=np.float64)) - 2 * of_new + among_new
    return _energy(between, among_old, among_new, old, new)


def energies_of_numbers(values: Floats, is_new: Bools) -> Floats:
    """Compute the same as `energies` for the distances between numbers, which needs no matrix of them.

    Of two neighbours in sorted order, the gap between them counts in each pair with one number on either side of it.

    Args:
        values: (n,)
        is_new: (draws, n); each row has the same number of new values, and at least one old and one new.

    Returns:
        (draws,)
    """
    n, new = len(values), int(is_new[0].sum())
    old = n - new
    order = values.argsort(kind="stable")
    gaps, below = np.diff(values[order]), np.arange(1, n)
    mean = 2 * (gaps * below * (n - below)).sum() / (n * (n - 1))
    if not mean:
        return np.zeros(len(is_new))
    new_below = is_new[:, order].cumsum(axis=1, dtype=np.int32)[:, :-1].astype(np.float64)
    old_below = below - new_below
    between = (new_below * (old - old_below) + old_below * (new - new_below)) @ gaps / mean
    among_old, among_new = (
        2 * (each * (count - each)) @ gaps / mean for each, count in ((old_below, old), (new_below, new))
    )
    return _energy(between, among_old, among_new, old, new)


def _energy(between: Floats, among_old: Floats, among_new: Floats, old: int, new: int) -> Floats:
    """Combine sums of distances; those among old and among new values count each pair twice."""
    pairs_old, pairs_new = max(old * (old - 1), 1), max(new * (new - 1), 1)
    energy: Floats = between / (old * new) - among_old / (2 * pairs_old) - among_new / (2 * pairs_new)
    return energy


def pooled(strata: Sequence[Floats], sizes: Sequence[tuple[int, int]]) -> Floats:
    """Combine the statistics `(draws,)` of strata into their weighted mean.

    Args:
        strata: The statistics of each.
        sizes: Its number of old and of new values; the weight is their product, divided by their sum.
    """
    weights = np.array([old * new / (old + new) for old, new in sizes])
    combined: Floats = np.average(np.vstack(strata), axis=0, weights=weights)
    return combined


def shares(old: Sequence[int], new: Sequence[int], permutations: int, rng: np.random.Generator) -> Floats:
    """Compare the shares of classes: Pearson's chi-squared as observed, and if the new ones were drawn from all.

    Args:
        old: The number of old values of each class.
        new: That of new ones; at least one.
        permutations: How often to draw.
        rng: Draws.

    Returns:
        (permutations + 1,)
    """
    every, new_counts = np.add(old, new), np.asarray(new)
    drawn = rng.multivariate_hypergeometric(every, int(new_counts.sum()), size=permutations)
    expected = every * (new_counts.sum() / every.sum())
    counted = np.vstack([new_counts[None], drawn])[:, every > 0]
    chi_squared: Floats = ((counted - expected[every > 0]) ** 2 / expected[every > 0]).sum(axis=1)
    return chi_squared


def adjust(statistics: Floats, level: float) -> list[Tested]:
    """Test several hypotheses at once, so that any false alarm has at most this probability.

    Args:
        statistics: (draws, tests), large where old and new differ. The first draw is what is observed.
        level: The probability of one or more false alarms, 1 / draws at least, below 1.
    """
    deviations = standardise(statistics)
    largest = np.sort(deviations.max(axis=1))
    draws = len(deviations)
    critical = largest[draws - 1 - int(level * draws + 1e-9)]
    at_least = draws - np.searchsorted(largest, deviations[0] - 1e-9)
    return [
        Tested(float(value), float(critical), float(count / draws))
        for value, count in zip(deviations[0], at_least, strict=True)
    ]


def standardise(statistics: Floats) -> Floats:
    """Scale statistics `(draws,)` or `(draws, tests)` to mean 0 and deviation 1 over the draws; equal ones give 0."""
    spread = statistics.std(axis=0)
    scaled: Floats = (statistics - statistics.mean(axis=0)) / np.where(spread > 1e-12, spread, np.inf)
    return scaled
