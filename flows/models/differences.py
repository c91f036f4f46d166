"""How differently a new model (the challenger) and the one in use (the champion) answer the listed photos."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.evaluate import metrics
from tasks.evaluate.metrics import Estimate
from tasks.evaluate.significance import two_sided
from tasks.inference.arrays import ScoredPredictions
from tasks.inference.headline import HeadlineMetric
from tasks.inference.scores import class_counts

_TOP_K = 5


@dataclass(frozen=True)
class ClassChange:
    """The recall of one class: the share of its listed photos that are answered right."""

    label: str
    photos: int
    groups: int
    """Groups of near duplicates among them."""
    champion: float
    challenger: float
    p_value: float
    """Probability of so large a loss if both models are equally good; one-sided, not corrected for the classes."""

    @property
    def loss(self) -> float:
        """The champion's recall minus the challenger's."""
        return self.champion - self.challenger


@dataclass(frozen=True)
class Differences:
    """Two models' scores on the same photos."""

    metric: HeadlineMetric
    photos: int
    groups: int
    """Groups of near duplicates among them."""
    champion: float
    """The champion's score."""
    challenger: Estimate
    """The challenger's score, with its 95 % interval."""
    difference: Estimate
    """Challenger minus champion, with the 95 % interval of the paired bootstrap over groups."""
    settled: Estimate | None
    """The same on the photos that were listed before this run; None: all were, or it isn't asked for."""
    classes: tuple[ClassChange, ...]


def differences(
    metric: HeadlineMetric,
    challenger: ScoredPredictions,
    champion: ScoredPredictions,
    groups: NDArray[Any],
    names: Sequence[str],
    *,
    settled: NDArray[np.bool_] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Differences:
    """Compare two models on the same photos.

    Args:
        metric: The headline metric of the challenger.
        challenger: Its predictions for n photos; n is 1 or more.
        champion: The predictions of the champion for the same photos.
        groups: (n,) the group of near duplicates of each photo.
        names: The names of the classes, in the order of their numbers.
        settled: (n,) which photos were listed before this run; None: don't compare on these alone.
        resamples: Number of resamples of the bootstrap.
        seed: Its seed.
    """

    def compare(where: NDArray[np.bool_]) -> metrics.Comparison:
        ours, theirs = challenger.only(where), champion.only(where)
        options = {"top_k": _TOP_K, "resamples": resamples, "seed": seed}
        return metrics.compare(ours, {"champion": theirs}, groups[where], **options)[metric]

    compared = compare(np.ones(len(groups), bool))
    on_settled = None
    if settled is not None and settled.any() and not settled.all():
        on_settled = compare(settled).against["champion"].difference
    return Differences(
        metric,
        len(groups),
        len(np.unique(groups)),
        compared.against["champion"].value,
        compared.classifier,
        compared.against["champion"].difference,
        on_settled,
        tuple(class_changes(challenger, champion, groups, names)),
    )


def class_changes(
    challenger: ScoredPredictions, champion: ScoredPredictions, groups: NDArray[Any], names: Sequence[str]
) -> list[ClassChange]:
    """Compare the recall of each class that has photos.

    If both models are equally good, it doesn't matter which of them gave which answers to a group. The p-value is that
    of the difference divided by its root mean square over all such exchanges, as in `tasks.evaluate.significance`.

    Args:
        challenger: Its predictions for n photos.
        champion: The predictions of the champion for the same photos.
        groups: (n,) the group of near duplicates of each photo.
        names: The names of the classes, in the order of their numbers.
    """
    support, _, after = class_counts(challenger)
    before = class_counts(champion)[2]
    # A group may have photos of several classes: each pair of class and group is a part of its own.
    number = np.unique(groups, return_inverse=True)[1]
    change = (challenger.predicted == challenger.truth).astype(float) - (champion.predicted == champion.truth)
    pairs, pair = np.unique(challenger.truth * (number.max() + 1) + number, return_inverse=True)
    label_of_pair = pairs // (number.max() + 1)
    squares = np.bincount(label_of_pair, np.bincount(pair, change) ** 2, challenger.classes)
    counts = np.bincount(label_of_pair, minlength=challenger.classes)
    changes = []
    for i in np.flatnonzero(support).tolist():
        net = float(after[i] - before[i])
        p_value = two_sided(net, float(np.sqrt(squares[i])), int(counts[i]) - 1) / 2
        recalls = float(before[i] / support[i]), float(after[i] / support[i])
        changes.append(
            ClassChange(names[i], int(support[i]), int(counts[i]), *recalls, p_value if net < 0 else 1 - p_value)
        )
    return changes
