"""How good a classifier is, how sure we can be of it, and whether it beats answering without looking.

Every headline number comes with a 95 % interval from a percentile bootstrap (Efron & Tibshirani 1993, ch. 13)
that draws whole groups of near duplicates, since photos of a group are not independent. The baseline knows
nothing but how common each class was in training.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]

SCORES = ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "top_k_accuracy", "map_at_5", "log_loss")
LOWER_IS_BETTER = frozenset({"log_loss"})
_MEANS_OVER_CLASSES = frozenset({"balanced_accuracy", "macro_f1"})
_TAIL = 0.025


@dataclass(frozen=True)
class Answers:
    """What was answered for n photos; all that the scores need to know."""

    truth: Ids
    """(n,) the true class of each photo."""
    predicted: Ids
    """(n,) the likeliest class."""
    rank: Ids
    """(n,) place of the true class among the answers: 1 is first. Ties go to the lower class number."""
    loss: Floats
    """(n,) minus the natural logarithm of the true class's probability."""
    classes: int

    @classmethod
    def of(cls, truth: Ids, probabilities: Floats) -> Self:
        """Take class numbers (n,) and probabilities (n, classes), clipped as in scikit-learn's log_loss."""
        true = np.take_along_axis(probabilities, truth[:, None], axis=1)
        lower = np.arange(probabilities.shape[1]) < truth[:, None]
        rank = 1 + np.sum((probabilities > true) | ((probabilities == true) & lower), axis=1)
        loss = -np.log(np.clip(true[:, 0], np.finfo(np.float64).eps, 1))
        return cls(truth, probabilities.argmax(axis=1), rank, loss, probabilities.shape[1])

    @classmethod
    def baseline(cls, truth: Ids, train_counts: Ids) -> Self:
        """Answer the same for every photo: the classes from the commonest in training to the rarest.

        train_counts: (classes,) train photos. A class's probability is its share of them, each count plus one
        (so that no class is impossible).
        """
        shares = (train_counts + 1) / (train_counts + 1).sum()
        return cls.of(truth, np.broadcast_to(shares, (len(truth), len(shares))))


def softmax(logits: NDArray[Any]) -> Floats:
    """Probabilities (n, classes), float64, rows sum to 1, of logits of any float type."""
    probabilities: Floats = np.subtract(logits, logits.max(axis=1, keepdims=True), dtype=np.float64)
    np.exp(probabilities, out=probabilities)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return probabilities


def score(answers: Answers, top_k: int, weights: Floats | None = None) -> dict[str, float]:
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
class Comparison:
    """One score of the classifier beside the baseline's."""

    classifier: Estimate
    baseline: float
    difference: Estimate
    """Classifier minus baseline, on the same resamples (paired)."""
    verdict: str
    """better | worse: the difference's interval excludes 0; undecided: it doesn't."""


def compare(
    answers: Answers, baseline: Answers, groups: NDArray[Any], *, top_k: int, resamples: int, seed: int
) -> dict[str, Comparison]:
    """Compare a classifier with the baseline in each of `SCORES`; `groups` (n,) names each photo's group.

    A resample misses some of the rare classes, which shifts the means over classes; their resamples are moved
    back, to average to the value itself. Where every resample gives the same extreme (all photos right, say),
    the bootstrap sees no uncertainty at all, and the exact binomial bound over groups stands in (Clopper and
    Pearson 1934), so that 5 right out of 5 is no proof.
    """
    number = np.unique(groups, return_inverse=True)[1]
    count = int(number.max()) + 1
    random = np.random.default_rng(seed)
    ours, theirs = (np.empty((resamples, len(SCORES))) for _ in range(2))
    for i in range(resamples):
        drawn = np.bincount(random.integers(count, size=count), minlength=count)
        weights = drawn[number].astype(np.float64)
        ours[i] = list(score(answers, top_k, weights).values())
        theirs[i] = list(score(baseline, top_k, weights).values())
    value, constant = score(answers, top_k), score(baseline, top_k)
    compared = {}
    for i, name in enumerate(SCORES):
        own = _estimate(name, value[name], ours[:, i], count, least=0)
        change = value[name] - constant[name]
        difference = _estimate(name, change, ours[:, i] - theirs[:, i], count, least=-1)
        compared[name] = Comparison(own, constant[name], difference, _verdict(name, difference, count))
    return compared


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


def per_class(answers: Answers) -> PerClass:
    """Precision, recall and F1 of each class, in 0..1."""
    support, named, hits = _counts(answers, np.ones(len(answers.truth)))
    with np.errstate(invalid="ignore"):
        return PerClass(support, named, hits / named, hits / support, 2 * hits / (support + named))


def confusion(answers: Answers) -> Ids:
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


def _counts(answers: Answers, weights: Floats) -> tuple[Floats, Floats, Floats]:
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
    if name not in LOWER_IS_BETTER:
        reach = (1 - least) * (1 - _TAIL ** (1 / groups))
        if samples.max() == least:
            high = least + reach
        if samples.min() == 1:
            low = 1 - reach
    return Estimate(float(value), float(low), float(high))


def _verdict(name: str, difference: Estimate, groups: int) -> str:
    if groups < 2 or difference.low <= 0 <= difference.high:
        return "undecided"
    return "better" if (difference.low > 0) != (name in LOWER_IS_BETTER) else "worse"
