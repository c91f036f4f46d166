"""Answers to some of the photos only, the most certain ones: how much more often they are right."""

import numpy as np
from numpy.typing import NDArray

from tasks.inference.arrays import Floats


def accuracy_by_coverage(confidence: Floats, right: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Compute the accuracy of the most certain answers for each share of answered photos.

    This is the risk-coverage curve of El-Yaniv and Wiener (2010, JMLR 11, 1605-1641), with accuracy = 1 - risk.

    Args:
        confidence: (n,) probability of each answer, n is 1 or more.
        right: (n,) whether the answers are right.

    Returns:
        The shares of answered photos, from small to 1, and the accuracy of their answers, both (m,). Photos with the
        same confidence are answered together.
    """
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence, answered = confidence[order], np.arange(1, len(order) + 1)
    is_last = np.append(sorted_confidence[1:] < sorted_confidence[:-1], True)
    return answered[is_last] / len(order), (np.cumsum(right[order]) / answered)[is_last]


def threshold_for(confidence: Floats, right: NDArray[np.bool_], accuracy: float) -> float | None:
    """Find the lowest confidence from which on the answers are as often right as wanted.

    Args:
        confidence: (n,) probability of each answer to validation photos.
        right: (n,) whether the answers are right.
        accuracy: The accuracy wanted, 0..1.

    Returns:
        The threshold; None if no photos or no threshold gives this accuracy.
    """
    if not len(confidence):
        return None
    coverage, accuracies = accuracy_by_coverage(confidence, right)
    enough = np.flatnonzero(accuracies >= accuracy)
    if not len(enough):
        return None
    return float(np.sort(confidence)[::-1][round(coverage[enough[-1]] * len(confidence)) - 1])
