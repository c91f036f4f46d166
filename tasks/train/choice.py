"""The choice among trials: validation decides, and the cheaper recipe wins unless a dearer one is clearly better."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.inference.arrays import ScoredPredictions, softmax
from tasks.inference.headline import HeadlineMetric, paired_difference
from tasks.inference.scores import score
from tasks.train.trial import Trial


@dataclass(frozen=True)
class Judged:
    """A trial and how it compares with the best one before it."""

    trial: Trial
    score: float
    """The metric on the validation photos; NaN if there is none."""
    difference: float | None
    """Its score minus that of the best trial before it; None for the first one."""
    standard_error: float | None
    """Standard error of the difference."""


def choose(
    trials: Sequence[Trial], truth: NDArray[np.integer[Any]], groups: NDArray[Any], metric: HeadlineMetric
) -> tuple[Trial, list[Judged]]:
    """Choose a trial: each one replaces the best one before it if it is better by more than one standard error.

    The rule is that of one standard error (Breiman et al., "Classification and Regression Trees", 1984, section 3.4.3),
    with the paired difference: it prefers the cheaper one among those that the validation photos cannot tell apart.

    Args:
        trials: in order of their costs, the cheapest first; at least one.
        truth: class numbers of the validation photos, `(n,)`.
        groups: group of near duplicates of each validation photo, `(n,)`.
        metric: one of `tasks.inference.scores.SCORES`.

    Returns:
        The chosen trial and, for each trial, its comparison. Without validation photos, the first trial is chosen.
    """
    best, best_answers = trials[0], _answers(trials[0], truth)
    judged = [Judged(best, _value(best_answers, metric), None, None)]
    for trial in trials[1:]:
        answers = _answers(trial, truth)
        if not len(truth):
            judged.append(Judged(trial, float("nan"), None, None))
            continue
        difference, error = paired_difference(metric, answers, best_answers, groups)
        judged.append(Judged(trial, _value(answers, metric), difference, error))
        if difference > error:
            best, best_answers = trial, answers
    return best, judged


def _answers(trial: Trial, truth: NDArray[np.integer[Any]]) -> ScoredPredictions:
    return ScoredPredictions.of(truth.astype(np.int64), softmax(trial.scores))


def _value(answers: ScoredPredictions, metric: HeadlineMetric) -> float:
    return float(score(answers, top_k=5)[metric]) if len(answers.truth) else float("nan")
