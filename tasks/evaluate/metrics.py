"""Scores of a classifier, their confidence intervals, and paired comparisons with baselines.

The 95 % intervals come from a percentile bootstrap (Efron & Tibshirani 1993, ch. 13). It resamples groups of near
duplicates, because the photos of a group are not independent.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.evaluate.significance import SAME, p_values, two_sided
from tasks.inference.arrays import Floats, Ids, ScoredPredictions
from tasks.inference.scores import LOWER_IS_BETTER, MEANS_OVER_CLASSES, SCORES, class_counts, score

_TAIL = 0.025
"""Probability on each side of a 95 % interval."""
_STEPS = (0, 1, 2, 3, 6, 11, 31, 101, 1001)
"""Lower bounds of the ranges of `by_class_frequency`, in train photos per class."""


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedComparison:
    """One score of a baseline, and its difference from the classifier's score."""

    value: float
    """The baseline's score."""
    difference: Estimate
    """Classifier minus baseline, on the same resamples (paired)."""
    p_value: float
    """Two-sided, not corrected for the number of comparisons."""


@dataclass(frozen=True)
class Comparison:
    """One score of the classifier, compared with each baseline."""

    classifier: Estimate
    against: dict[str, PairedComparison]


def compare(
    answers: ScoredPredictions,
    others: Mapping[str, ScoredPredictions],
    groups: NDArray[Any],
    trainings: NDArray[Any] | None = None,
    /,
    *,
    top_k: int,
    resamples: int,
    seed: int,
) -> dict[str, Comparison]:
    """Compare a classifier with baselines on the same photos, in each of `scores.SCORES`.

    A resample lacks some of the rare classes, which biases the means over classes; their resamples are shifted so that
    their mean is the score itself. If all resamples give the same score (for example, all photos are right, or there
    is a single photo), the bootstrap finds no uncertainty. Then the exact binomial bound over groups is used (Clopper
    and Pearson 1934): the share of groups that may differ from the observed ones.

    Args:
        answers: The classifier's predictions for n photos.
        others: The predictions of each baseline for the same photos, by its name.
        groups: (n,) the group of near duplicates of each photo.
        trainings: (n,) which training of the classifier an answer is from, where several answer the same photos. Then
            groups and trainings are resampled, each on its own (Owen 2007, "The pigeonhole bootstrap", Annals of
            Applied Statistics 1, 386-411). Baselines are trained as often.
        top_k: k of top-k accuracy.
        resamples: Number of resamples, and of random exchanges.
        seed: Seed of both.

    Returns:
        A comparison for each score.
    """
    all_answers = [answers, *others.values()]
    count = len(np.unique(groups))
    samples = np.empty((len(all_answers), resamples, len(SCORES)))
    for i, weights in enumerate(_resamples(groups, resamples, seed, trainings)):
        for j, each in enumerate(all_answers):
            samples[j, i] = list(score(each, top_k, weights).values())
    values = [score(each, top_k) for each in all_answers]
    by_baseline = [
        p_values(answers, other, groups, top_k=top_k, exchanges=resamples, seed=seed) for other in others.values()
    ]
    compared = {}
    for i, name in enumerate(SCORES):
        against = {}
        for j, other in enumerate(others, start=1):
            change = values[0][name] - values[j][name]
            difference = _estimate(name, change, samples[0, :, i] - samples[j, :, i], count, least=-1)
            against[other] = PairedComparison(values[j][name], difference, by_baseline[j - 1][name])
        compared[name] = Comparison(_estimate(name, values[0][name], samples[0, :, i], count, least=0), against)
    return compared


@dataclass(frozen=True)
class PartialComparison:
    """One score of a part of the photos and of all of them."""

    everything: Estimate
    """The score of all photos."""
    difference: Estimate
    """The part's score minus that of all photos, on the same resamples."""
    p_value: float
    """Two-sided, not corrected for the number of comparisons."""


def compare_part(
    answers: ScoredPredictions,
    part: NDArray[np.bool_],
    groups: NDArray[Any],
    *,
    top_k: int,
    resamples: int,
    seed: int,
) -> dict[str, PartialComparison]:
    """Compare the scores of a part of the photos with those of all photos.

    The p-value is that of the difference divided by its standard error in the bootstrap.

    Args:
        answers: The predictions for n photos.
        part: (n,) the photos of the part; 1 or more.
        groups: (n,) the group of near duplicates of each photo.
        top_k: k of top-k accuracy.
        resamples: Number of resamples. Those without a photo of the part are left out.
        seed: Seed of the resampling.
    """
    whole = compare(answers, {}, groups, top_k=top_k, resamples=resamples, seed=seed)
    count = len(np.unique(groups))

    def difference(weights: Floats) -> list[float]:
        alone, all_of_them = score(answers, top_k, weights * part), score(answers, top_k, weights)
        return [alone[name] - all_of_them[name] for name in SCORES]

    drawn = (weights for weights in _resamples(groups, resamples, seed) if weights[part].any())
    samples = np.array([difference(weights) for weights in drawn])
    found = difference(np.ones(len(groups)))
    compared = {}
    for i, name in enumerate(SCORES):
        change = _estimate(name, found[i], samples[:, i], count, least=-1)
        p_value = two_sided(found[i], float(samples[:, i].std()), count - 1)
        compared[name] = PartialComparison(whole[name].classifier, change, p_value)
    return compared


@dataclass(frozen=True)
class FrequencyRange:
    """Scores of the test photos whose class has a number of train photos in a range."""

    at_least: int
    """Lower bound of the range."""
    at_most: int | None
    """Upper bound; None: no bound."""
    classes: int
    """Number of classes."""
    photos: int
    """Number of test photos."""
    scores: dict[str, Estimate]


def by_class_frequency(
    answers: ScoredPredictions, train_counts: Ids, groups: NDArray[Any], *, top_k: int, resamples: int, seed: int
) -> list[FrequencyRange]:
    """Compute scores by the number of train photos of a photo's class.

    Args:
        answers: The predictions for n photos.
        train_counts: (classes,) train photos of each class.
        groups: (n,) the group of near duplicates of each photo.
        top_k: k of top-k accuracy.
        resamples: Number of resamples.
        seed: Seed of the resampling.

    Returns:
        One for each range with test photos. Means over classes only include the classes in it.
    """
    frequency = train_counts[answers.truth]
    ranges = []
    for low, high in pairwise([*_STEPS, None]):
        assert low is not None
        where = (frequency >= low) & (frequency < high if high else True)
        if where.any():
            part = answers.only(where)
            compared = compare(part, {}, groups[where], top_k=top_k, resamples=resamples, seed=seed)
            scores = {name: compared[name].classifier for name in ("accuracy", "top_k_accuracy", "map_at_5")}
            classes = len(np.unique(part.truth))
            ranges.append(FrequencyRange(low, high - 1 if high else None, classes, int(where.sum()), scores))
    return ranges


@dataclass(frozen=True)
class PerClass:
    """Scores of each class, `(classes,)` each; NaN where the denominator is 0."""

    support: Floats
    """Photos of the class."""
    predicted: Floats
    """Photos for which the class was predicted."""
    precision: Floats
    recall: Floats
    f1: Floats


def per_class(answers: ScoredPredictions) -> PerClass:
    """Compute precision, recall and F1 of each class, in 0..1."""
    support, predicted, hits = class_counts(answers)
    with np.errstate(invalid="ignore"):
        return PerClass(support, predicted, hits / predicted, hits / support, 2 * hits / (support + predicted))


def confusion(answers: ScoredPredictions) -> Ids:
    """Compute the confusion matrix (classes, classes), counts: rows are true classes, columns predicted ones."""
    cells = np.bincount(answers.truth * answers.classes + answers.predicted, minlength=answers.classes**2)
    return cells.reshape(answers.classes, answers.classes)


def worst_confusions(matrix: Ids, most: int) -> list[tuple[int, int, int]]:
    """Find the most frequent confusions: (true class, predicted class, photos), the most frequent first."""
    true, predicted = np.nonzero(matrix)
    true, predicted = true[true != predicted], predicted[true != predicted]
    photos = matrix[true, predicted]
    worst = np.argsort(-photos, kind="stable")[:most]
    return [(int(true[i]), int(predicted[i]), int(photos[i])) for i in worst]


def _resamples(
    groups: NDArray[Any], resamples: int, seed: int, trainings: NDArray[Any] | None = None
) -> Iterator[Floats]:
    """Draw groups with replacement, as many as there are; yield how often each photo (n,) was drawn.

    With `trainings`, these are drawn in the same way, and an answer counts as often as both were drawn together.
    """
    factors = [np.unique(each, return_inverse=True)[1] for each in (groups, trainings) if each is not None]
    random = np.random.default_rng(seed)
    for _ in range(resamples):
        weights = np.ones(len(groups))
        for number in factors:
            count = int(number.max()) + 1
            weights *= np.bincount(random.integers(count, size=count), minlength=count)[number]
        yield weights


def _estimate(name: str, value: float, samples: Floats, groups: int, *, least: int) -> Estimate:
    """Make an estimate with the percentile interval of its resamples; shares are between `least` and 1."""
    low, high = np.quantile(samples, [_TAIL, 1 - _TAIL])
    if name in MEANS_OVER_CLASSES:
        shift = value - samples.mean()
        low, high = max(low + shift, least), min(high + shift, 1)
    if name not in LOWER_IS_BETTER and np.ptp(samples) < SAME:
        different = 1 - _TAIL ** (1 / groups)
        low, high = value - different * (value - least), value + different * (1 - value)
    return Estimate(float(value), float(low), float(high))
