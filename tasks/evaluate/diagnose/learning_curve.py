"""The accuracy with fewer train photos, and which class gains most from more."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.evaluate.diagnose.means import grouped_means, p_value_of_mean
from tasks.evaluate.metrics import Estimate
from tasks.inference import logistic
from tasks.inference.arrays import Floats, Ids

SHARES = (0.25, 0.5, 1.0)
"""Shares of the train photos that are learned from."""
_DRAWS = 4
"""How often each share below 1 is drawn."""
_DIRECTIONS = 64
"""Principal directions of the features that are learned from, to save time."""
_LEAST_SCATTER = 1e-6
"""Sum of squares along the main direction, below which all features count as the same."""
_MOST_VALUES = 10**8
"""With more photos x classes x directions, the fits would take minutes."""


@dataclass(frozen=True)
class LearningCurve:
    """How much logistic regression on the features gains from more train photos."""

    photos: list[int]
    """Train photos of each of `SHARES`."""
    accuracy: list[Estimate]
    """On the test photos, for each of `SHARES`."""
    doubling: Estimate
    """Accuracy with all train photos minus that with half of them."""
    gains: dict[int, Estimate]
    """The same difference of the recall, by class; only classes with test photos and two or more train photos."""
    p_values: dict[int, float]
    """Two-sided, of each gain, not corrected for the number of classes."""


def learning_curve(
    features: NDArray[np.float32],
    truth: Ids,
    split: NDArray[Any],
    groups: NDArray[Any],
    classes: int,
    *,
    resamples: int,
    seed: int,
) -> LearningCurve | None:
    """Learn from shares of the train photos, and compare the answers to the test photos.

    Of each class, whole groups of near duplicates are drawn, so that each share has photos of each class. The strength
    of the regularisation is that with the lowest loss on the validation photos after learning from all train photos;
    without validation photos, it is the strongest. The intervals are those of `grouped_means`: they are about the
    choice of the test photos, and the mean over draws is about the choice of the train photos.

    Args:
        features: (n, d) of all photos, from before any training on their classes.
        truth: (n,) true classes; those that were never trained on are `classes` or more.
        split: (n,) train, val or test.
        groups: (n,) the group of near duplicates of each photo.
        classes: Number of trained classes.
        resamples: Number of bootstrap resamples.
        seed: Seed of the draws and the resampling.

    Returns:
        The curve; None if there are too many photos and classes for a quick fit, or less than two classes or features.
    """
    train, val, test = (np.flatnonzero(split == name) for name in ("train", "val", "test"))
    train, val = (rows[truth[rows] < classes] for rows in (train, val))
    if len(np.unique(truth[train])) < 2 or len(train) * classes * _DIRECTIONS > _MOST_VALUES:
        return None
    vectors = _reduced(features, train)
    if vectors is None:
        return None
    strength = _best_strength(vectors, truth, train, val, classes)
    random = np.random.default_rng(seed)

    def right_after(rows: Ids) -> Floats:
        (_, linear), *_ = logistic.fit_path(vectors[rows], truth[rows], classes, path=[strength])
        return np.asarray(linear(vectors[test]).argmax(axis=1) == truth[test], np.float64)

    orders = [_ranks(truth[train], groups[train], random) for _ in range(_DRAWS)]
    photos, right = [], []
    for share in SHARES[:-1]:
        drawn = [train[ranks < share] for ranks in orders]
        photos.append(round(float(np.mean([len(rows) for rows in drawn]))))
        right.append(np.mean([right_after(rows) for rows in drawn], axis=0))
    photos.append(len(train))
    right.append(right_after(train))
    gain, test_groups = right[-1] - right[-2], groups[test]
    drawn_from = {"resamples": resamples, "seed": seed}
    counts = np.bincount(truth[train], minlength=classes)
    gaining = [int(c) for c in np.unique(truth[test]) if c < classes and counts[c] > 1]
    gains = np.stack([gain, *(np.where(truth[test] == c, gain, np.nan) for c in gaining)])
    doubling, *by_class = grouped_means(gains, test_groups, least=-1, **drawn_from)
    return LearningCurve(
        photos,
        grouped_means(np.stack(right), test_groups, **drawn_from),
        doubling,
        dict(zip(gaining, by_class, strict=True)),
        {c: p_value_of_mean(gain[truth[test] == c], test_groups[truth[test] == c]) for c in gaining},
    )


def _reduced(features: NDArray[np.float32], train: Ids) -> NDArray[np.float32] | None:
    """Rotate features (n, d) to the principal directions of the train photos; None if all are the same."""
    centred = features - features[train].mean(axis=0)
    directions, variances = logistic.principal_directions(centred[train])
    if not len(variances) or variances[-1] * len(train) <= _LEAST_SCATTER:
        return None
    return np.asarray(centred @ directions[:, -_DIRECTIONS:], np.float32)


def _best_strength(vectors: NDArray[np.float32], truth: Ids, train: Ids, val: Ids, classes: int) -> float:
    if not len(val):
        return logistic.PATH[0]
    best, lowest = logistic.PATH[0], np.inf
    for strength, linear in logistic.fit_path(vectors[train], truth[train], classes):
        loss = float(logistic.log_losses(linear(vectors[val]), truth[val]).mean())
        if loss > lowest:  # it has one minimum
            break
        if loss < lowest:
            best, lowest = strength, loss
    return best


def _ranks(truth: Ids, groups: NDArray[Any], random: np.random.Generator) -> Floats:
    """Put the photos of each class in a random order, by whole groups: the rank of each photo (n,), 0 up to below 1.

    The photos with a rank below 0.5 are half of each class, or one group if there are no more.
    """
    number = np.unique(groups, return_inverse=True)[1]
    turn = random.permutation(int(number.max()) + 1)[number]
    ranks = np.empty(len(truth))
    for label in np.unique(truth):
        rows = np.flatnonzero(truth == label)
        _, position = np.unique(turn[rows], return_inverse=True)
        sizes = np.bincount(position)
        ranks[rows] = ((np.cumsum(sizes) - sizes) / len(rows))[position]
    return ranks
