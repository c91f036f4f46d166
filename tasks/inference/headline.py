"""The headline metric: the score that recipes are compared by, and that the report starts with."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.inference.arrays import Ids, ScoredPredictions
from tasks.inference.scores import MEANS_OVER_CLASSES, score

HeadlineMetric = Literal["accuracy", "balanced_accuracy", "macro_f1", "map_at_5"]

_INDIVIDUALS = 20
"""From this number of classes on, classes with few photos are taken for individuals."""
_FEW_PHOTOS = 10
"""Largest median of train photos per class for which the classes are taken for individuals."""
_UNEVEN = 5
"""Classes are uneven if the largest has more than this many times the train photos of the smallest."""
_BLOCKS = 200
"""Largest number of parts of the jackknife. The standard error of the standard error is then 5 % of it."""


def headline_metric(train_counts: NDArray[Any], chosen: HeadlineMetric | Literal["auto"]) -> HeadlineMetric:
    """Choose the headline metric.

    mAP@5 is for individuals, which have many classes with few photos: a person then looks through the first answers.
    If some classes have many more photos than others, accuracy would hide that the rare ones are not recognised.

    Args:
        train_counts: (classes,) train photos of each class. Classes without train photos don't count.
        chosen: The setting `train.metric`.

    Returns:
        `chosen`, unless it is auto. For auto: map_at_5 for at least 20 classes with a median of at most 10 train
        photos; else balanced_accuracy if the largest class has more than 5 times the train photos of the smallest;
        else accuracy.
    """
    if chosen != "auto":
        return chosen
    counts = train_counts[train_counts > 0]
    if len(counts) >= _INDIVIDUALS and np.median(counts) <= _FEW_PHOTOS:
        return "map_at_5"
    return "balanced_accuracy" if len(counts) and counts.max() > _UNEVEN * counts.min() else "accuracy"


def paired_difference(
    metric: HeadlineMetric, ours: ScoredPredictions, theirs: ScoredPredictions, groups: NDArray[Any]
) -> tuple[float, float]:
    """Compare two classifiers on the same photos.

    The standard error is that of the jackknife that leaves out a group of near duplicates at a time (Efron & Tibshirani
    1993, ch. 11). More than 200 groups are dealt at random into 200 parts (Kott 2001, "The delete-a-group jackknife").
    If two classifiers differ on no photo, or on all, the jackknife finds no uncertainty; if they differ on one, its
    error is the difference. So the variance is raised by that of half a photo in each of the four cells, (1 / (groups +
    2))^2, as in the interval for matched pairs by Agresti & Min (2005, Statistics in Medicine 24, 729-740). For means
    over classes, it is raised by that of the class with the fewest groups, because a single photo of it weighs most.

    Args:
        metric: One of the headline metrics.
        ours: The predictions of the first classifier for n photos.
        theirs: The predictions of the second classifier for the same photos.
        groups: (n,) the group of near duplicates of each photo.

    Returns:
        The score of `ours` minus that of `theirs`, -1..1, and its standard error, above 0. The error is 1, which is no
        knowledge at all, if there are less than two groups; the difference of no photos is 0.
    """

    def difference(weights: NDArray[np.float64]) -> float:
        return score(ours, 1, weights)[metric] - score(theirs, 1, weights)[metric]

    photos = len(groups)
    if not photos:
        return 0.0, 1.0
    value = difference(np.ones(photos))
    numbers: Ids = np.unique(groups, return_inverse=True)[1]
    count = int(numbers.max()) + 1
    if count < 2:
        return float(value), 1.0
    blocks = min(count, _BLOCKS)
    block = np.random.default_rng(0).permutation(count)[numbers] % blocks
    left_out = np.array([difference((block != i).astype(np.float64)) for i in range(blocks)])
    variance = (blocks - 1) / blocks * np.sum((left_out - left_out.mean()) ** 2)
    return float(value), float(np.sqrt(variance + _least_error(metric, ours.truth, numbers) ** 2))


def _least_error(metric: HeadlineMetric, truth: Ids, groups: Ids) -> float:
    """Compute the smallest standard error that can be believed; `truth` and `groups`: (n,)."""
    if metric not in MEANS_OVER_CLASSES:
        return 1 / (len(np.unique(groups)) + 2)
    per_class = [len(np.unique(groups[truth == i])) for i in np.unique(truth)]
    return 1 / (min(per_class) + 2) / len(per_class)
