"""How good a classifier is, how sure we can be of it, and whether it beats other ways to answer.

Every headline number comes with a 95 % interval from a percentile bootstrap (Efron & Tibshirani 1993, ch. 13)
that draws whole groups of near duplicates, since photos of a group are not independent.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.inference.arrays import Floats, Ids, ScoredPredictions

SCORES = ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "top_k_accuracy", "map_at_5", "log_loss")
LOWER_IS_BETTER = frozenset({"log_loss"})
_MEANS_OVER_CLASSES = frozenset({"balanced_accuracy", "macro_f1"})
_TAIL = 0.025
_SAME = 1e-12
"""Shares that differ by less are the same, but for rounding."""
_STEPS = (0, 1, 2, 3, 6, 11, 31, 101, 1001)
"""Train photos of a class at which another row of `by_class_frequency` begins."""


def score(answers: ScoredPredictions, top_k: int, weights: Floats | None = None) -> dict[str, float]:
    """Each of `SCORES`; `weights` (n,) says how often each photo counts (all once).

    Balanced accuracy is the mean recall of the classes that the photos belong to. Macro F1 is the mean F1 of
    the classes that are true or predicted for some photo (scikit-learn's defaults, both), weighted F1 weighs those
    by their photos. mAP@5 with one true class is the mean of 1/rank, 0 beyond rank 5
    (kaggle.com/c/whale-categorization-playground, "Evaluation").
    """
    if weights is None:
        weights = np.ones(len(answers.truth))
    total = weights.sum()
    support, named, hits = _counts(answers, weights)
    true, met = support > 0, support + named > 0
    return {
        "accuracy": hits.sum() / total,
        "balanced_accuracy": np.mean(hits[true] / support[true]),
        "macro_f1": np.mean(2 * hits[met] / (support + named)[met]),
        "weighted_f1": np.sum(support[met] * 2 * hits[met] / (support + named)[met]) / total,
        "top_k_accuracy": weights @ (answers.rank <= top_k) / total,
        "map_at_5": weights @ np.where(answers.rank <= 5, 1 / answers.rank, 0) / total,
        "log_loss": weights @ answers.loss / total,
    }


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedComparison:
    """One score of another way to answer the same photos, and how the classifier compares."""

    value: float
    """The other one's."""
    difference: Estimate
    """Classifier minus the other, on the same resamples (paired)."""
    verdict: str
    """better | worse: the difference's interval excludes 0; undecided: it doesn't."""


@dataclass(frozen=True)
class Comparison:
    """One score of the classifier beside that of others."""

    classifier: Estimate
    against: dict[str, PairedComparison]


def compare(
    answers: ScoredPredictions,
    others: Mapping[str, ScoredPredictions],
    groups: NDArray[Any],
    *,
    top_k: int,
    resamples: int,
    seed: int,
) -> dict[str, Comparison]:
    """Compare a classifier with others, on the same photos, in each of `SCORES`; `groups` (n,) names each one's group.

    A resample misses some of the rare classes, which shifts the means over classes; their resamples are moved
    back, to average to the value itself. Where every resample gives the same (all photos right, say, or there is
    one), the bootstrap sees no uncertainty at all, and the exact binomial bound over groups stands in (Clopper and
    Pearson 1934): so large a share of the groups can be unlike those that were seen. So 5 right out of 5 is no proof.
    """
    everyone = [answers, *others.values()]
    count = len(np.unique(groups))
    samples = np.empty((len(everyone), resamples, len(SCORES)))
    for i, weights in enumerate(_resamples(groups, resamples, seed)):
        for j, each in enumerate(everyone):
            samples[j, i] = list(score(each, top_k, weights).values())
    values = [score(each, top_k) for each in everyone]
    compared = {}
    for i, name in enumerate(SCORES):
        against = {}
        for j, other in enumerate(others, start=1):
            change = values[0][name] - values[j][name]
            difference = _estimate(name, change, samples[0, :, i] - samples[j, :, i], count, least=-1)
            against[other] = PairedComparison(values[j][name], difference, _verdict(name, difference, count))
        compared[name] = Comparison(_estimate(name, values[0][name], samples[0, :, i], count, least=0), against)
    return compared


@dataclass(frozen=True)
class Bucket:
    """The scores of the test photos whose class had so many train photos."""

    at_least: int
    at_most: int | None
    """None: as many as there are."""
    classes: int
    photos: int
    scores: dict[str, Estimate]


def by_class_frequency(
    answers: ScoredPredictions, train_counts: Ids, groups: NDArray[Any], *, top_k: int, resamples: int, seed: int
) -> list[Bucket]:
    """Scores by how often a photo's class was seen in training: a bucket for each step that has test photos.

    train_counts: `(classes,)`. Means over classes are over those of the bucket.
    """
    seen = train_counts[answers.truth]
    buckets = []
    for low, high in pairwise([*_STEPS, None]):
        assert low is not None
        where = (seen >= low) & (seen < high if high else True)
        if where.any():
            part = answers.only(where)
            compared = compare(part, {}, groups[where], top_k=top_k, resamples=resamples, seed=seed)
            scores = {name: compared[name].classifier for name in ("accuracy", "top_k_accuracy", "map_at_5")}
            classes = len(np.unique(part.truth))
            buckets.append(Bucket(low, high - 1 if high else None, classes, int(where.sum()), scores))
    return buckets


@dataclass(frozen=True)
class PerClass:
    """Scores of each class, (classes,) each; NaN where there is nothing to divide by."""

    support: Floats
    """Photos of the class."""
    named: Floats
    """Photos for which the class was the answer."""
    precision: Floats
    recall: Floats
    f1: Floats


def per_class(answers: ScoredPredictions) -> PerClass:
    """Precision, recall and F1 of each class, in 0..1."""
    support, named, hits = _counts(answers, np.ones(len(answers.truth)))
    with np.errstate(invalid="ignore"):
        return PerClass(support, named, hits / named, hits / support, 2 * hits / (support + named))


def confusion(answers: ScoredPredictions) -> Ids:
    """Counts (classes, classes): rows are the true class, columns the predicted one."""
    cells = np.bincount(answers.truth * answers.classes + answers.predicted, minlength=answers.classes**2)
    return cells.reshape(answers.classes, answers.classes)


def worst_confusions(matrix: Ids, most: int) -> list[tuple[int, int, int]]:
    """The commonest mistakes as (true class, predicted class, photos), the commonest first."""
    true, predicted = np.nonzero(matrix)
    true, predicted = true[true != predicted], predicted[true != predicted]
    photos = matrix[true, predicted]
    worst = np.argsort(-photos, kind="stable")[:most]
    return [(int(true[i]), int(predicted[i]), int(photos[i])) for i in worst]


def _resamples(groups: NDArray[Any], resamples: int, seed: int) -> Iterator[Floats]:
    """How often each photo (n,) counts, where as many groups as there are were drawn with replacement."""
    number = np.unique(groups, return_inverse=True)[1]
    count = int(number.max()) + 1
    random = np.random.default_rng(seed)
    for _ in range(resamples):
        drawn = np.bincount(random.integers(count, size=count), minlength=count)
        yield drawn[number].astype(np.float64)


def _counts(answers: ScoredPredictions, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Per class, (classes,) each: photos of it, photos taken for it, photos of it that were recognised."""
    right = np.where(answers.predicted == answers.truth, weights, 0)
    return (
        np.bincount(answers.truth, weights, answers.classes).astype(np.float64, copy=False),
        np.bincount(answers.predicted, weights, answers.classes).astype(np.float64, copy=False),
        np.bincount(answers.truth, right, answers.classes).astype(np.float64, copy=False),
    )


def _estimate(name: str, value: float, samples: Floats, groups: int, *, least: int) -> Estimate:
    """A value with the percentile interval of its resamples; a share is between `least` and 1."""
    low, high = np.quantile(samples, [_TAIL, 1 - _TAIL])
    if name in _MEANS_OVER_CLASSES:
        shift = value - samples.mean()
        low, high = max(low + shift, least), min(high + shift, 1)
    if name not in LOWER_IS_BETTER and np.ptp(samples) < _SAME:
        unlike = 1 - _TAIL ** (1 / groups)
        low, high = value - unlike * (value - least), value + unlike * (1 - value)
    return Estimate(float(value), float(low), float(high))


def _verdict(name: str, difference: Estimate, groups: int) -> str:
    if groups < 2 or difference.low <= 0 <= difference.high:
        return "undecided"
    return "better" if (difference.low > 0) != (name in LOWER_IS_BETTER) else "worse"
