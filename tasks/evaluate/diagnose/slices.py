"""Accuracy on slices of the test photos, such as those of one engine, and which slices are harder than they should be.

A keyword or a folder mostly has photos of one class, and classes differ. So each slice is compared with the other
photos of the same classes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.evaluate.diagnose.means import grouped_means
from tasks.evaluate.metrics import Estimate
from tasks.evaluate.significance import holm
from tasks.inference.arrays import Floats, Ids

LEAST_GROUPS = 20
"""A slice with fewer groups of near duplicates is left out, and so is one with fewer other photos of its classes."""
_MOST_SLICES = 20
"""Of each attribute, the slices with the most photos; more would weaken the correction for their number."""
_ERROR = 0.05
"""Probability of any wrong verdict, if no slice differs."""


@dataclass(frozen=True)
class Slice:
    """The test photos that have one value of an attribute."""

    attribute: str
    value: str
    photos: int
    accuracy: Estimate
    """With its 95 % interval."""
    others: float
    """Accuracy on the other photos of the same classes, 0..1; each class has the weight that it has in the slice."""
    p_value: float
    """Two-sided, not corrected for the number of slices."""
    verdict: Literal["better", "worse", "undecided"]
    """Corrected for the number of slices by the method of Holm."""


def compare_slices(
    right: NDArray[np.bool_],
    attributes: Mapping[str, NDArray[np.object_]],
    classes: Ids,
    groups: NDArray[Any],
    *,
    resamples: int,
    seed: int,
) -> list[Slice]:
    """Compute the accuracy on each slice, and whether it differs from that on the other photos of the same classes.

    The p-values are those of `stratified_p_value` on one photo of each group of near duplicates, because the photos of
    a group are not independent. The intervals are those of `grouped_means`.

    Args:
        right: (n,) whether the predictions are right.
        attributes: By name, the value of each photo (n,), a string or None where it isn't known.
        classes: (n,) true classes.
        groups: (n,) the group of near duplicates of each photo.
        resamples: Number of bootstrap resamples for the intervals.
        seed: Seed of the resampling.

    Returns:
        The slices with enough photos, those with the lowest p-values first.
    """
    first = np.zeros(len(right), np.bool_)
    first[np.unique(groups, return_index=True)[1]] = True
    found = list(_large_enough(attributes, classes, first))
    if not found:
        return []
    values = np.stack([np.where(inside, right, np.nan) for _, _, inside, _ in found])
    estimates = grouped_means(values, groups, resamples=resamples, seed=seed)
    p_values = []
    for _, _, inside, outside in found:
        compared = (inside | outside) & first
        p_values.append(stratified_p_value(right[compared], inside[compared], classes[compared]))
    slices = []
    for (name, value, inside, outside), accuracy, p, corrected in zip(
        found, estimates, p_values, holm(p_values), strict=True
    ):
        others = _matched_accuracy(right, classes, inside, outside)
        verdict: Literal["better", "worse", "undecided"] = "undecided"
        if corrected <= _ERROR:
            verdict = "better" if accuracy.value > others else "worse"
        slices.append(Slice(name, value, int(inside.sum()), accuracy, others, p, verdict))
    return sorted(slices, key=lambda row: (row.p_value, row.attribute, row.value))


def stratified_p_value(right: NDArray[np.bool_], inside: NDArray[np.bool_], classes: Ids) -> float:
    """Compute the p-value of the difference in accuracy between a slice and the other photos of the same classes.

    It is the exact conditional test of stratified 2 x 2 tables (Birch 1964, "The detection of partial association, I",
    JRSS B 26, 313-324): if the slice is as hard as the rest, its number of right answers in each class is
    hypergeometric. With a single class, it is Fisher's exact test. The smaller tail is doubled.

    Args:
        right: (n,) whether the predictions are right.
        inside: (n,) whether the photos belong to the slice.
        classes: (n,) true classes.
    """
    law, lowest, observed = np.ones(1), 0, 0
    for label in np.unique(classes):
        of_class = classes == label
        hits, drawn, total = int(right[of_class].sum()), int(inside[of_class].sum()), int(of_class.sum())
        possible = np.arange(max(0, drawn + hits - total), min(drawn, hits) + 1)
        logs = _log_choose(hits, possible) + _log_choose(total - hits, drawn - possible)
        shares = np.exp(logs - logs.max())
        law = np.convolve(law, shares / shares.sum())
        lowest += int(possible[0])
        observed += int((right & inside & of_class).sum())
    return float(min(1, 2 * min(law[: observed - lowest + 1].sum(), law[observed - lowest :].sum())))


def _large_enough(
    attributes: Mapping[str, NDArray[np.object_]], classes: Ids, first: NDArray[np.bool_]
) -> Iterator[tuple[str, str, NDArray[np.bool_], NDArray[np.bool_]]]:
    """Yield the slices to compare: attribute, value, its photos (n,), and the other photos of their classes (n,)."""
    for name, values in attributes.items():
        known = np.array([value is not None for value in values], np.bool_)
        counted = sorted((-int((values == value).sum()), value) for value in set(values[known]))
        for _, value in counted[:_MOST_SLICES]:
            inside = np.asarray(values == value, np.bool_)
            outside = known & ~inside & np.isin(classes, classes[inside])
            if min((inside & first).sum(), (outside & first).sum()) >= LEAST_GROUPS:
                yield name, value, inside, outside


def _matched_accuracy(
    right: NDArray[np.bool_], classes: Ids, inside: NDArray[np.bool_], outside: NDArray[np.bool_]
) -> float:
    """Compute the accuracy on the photos `outside`; each class has the weight that it has `inside`."""
    present = np.unique(classes[outside])
    weights = [float((classes[inside] == label).sum()) for label in present]
    return float(np.average([right[outside & (classes == label)].mean() for label in present], weights=weights))


def _log_choose(of: int, chosen: Ids) -> Floats:
    from scipy.special import gammaln

    return np.asarray(gammaln(of + 1) - gammaln(chosen + 1) - gammaln(of - chosen + 1), np.float64)
