"""All numbers of an evaluation, as plain JSON: finite, or None where there is nothing to divide by."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.schema import EvaluateConfig
from tasks.evaluate import metrics
from tasks.evaluate.metrics import Comparison, Estimate
from tasks.inference.arrays import DIGITS, Ids, ScoredPredictions

_CONFUSIONS = 30


def measure(
    answers: ScoredPredictions,
    others: Mapping[str, ScoredPredictions],
    counts: Mapping[str, Ids],
    names: Sequence[str],
    config: EvaluateConfig,
    *,
    groups: NDArray[Any],
) -> dict[str, Any]:
    """The numbers of the test split.

    others: what else there is to answer the same photos, by its name. counts: photos of each
    class (classes,) in train, val and test. names: of the classes. groups: (n,) each test photo's group of near
    duplicates.
    """
    drawn = {"top_k": config.top_k, "resamples": config.bootstrap, "seed": config.seed}
    each, matrix = metrics.per_class(answers), metrics.confusion(answers)
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    rows = [
        {
            "label": label,
            **{split: int(count[i]) for split, count in counts.items()},
            "precision": rounded(each.precision[i]),
            "recall": rounded(each.recall[i]),
            "f1": rounded(each.f1[i]),
            "taken_for": names[int(wrong[i].argmax())] if wrong[i].any() else None,
            "taken_for_photos": int(wrong[i].max()),
        }
        for i, label in enumerate(names)
    ]
    confusions = [
        {"true": names[i], "predicted": names[j], "photos": count, "share": rounded(count / matrix[i].sum())}
        for i, j, count in metrics.worst_confusions(matrix, _CONFUSIONS)
    ]
    by_class_frequency = [
        {
            "at_least": bucket.at_least,
            "at_most": bucket.at_most,
            "classes": bucket.classes,
            "photos": bucket.photos,
            **{name: estimate(score) for name, score in bucket.scores.items()},
        }
        for bucket in metrics.by_class_frequency(answers, counts["train"], groups, **drawn)
    ]
    return {
        "classes": len(names),
        "trained_classes": int((counts["train"] > 0).sum()),
        "photos": {split: int(count.sum()) for split, count in counts.items()},
        "test": {
            "scores": scores(metrics.compare(answers, others, groups, **drawn)),
            "top_k": config.top_k,
            "resamples": config.bootstrap,
            "groups": len(np.unique(groups)),
        },
        "by_train_photos": by_class_frequency,
        "per_class": rows,
        "confusions": confusions,
    }


def measure_unknown(answers: ScoredPredictions, groups: NDArray[Any], config: EvaluateConfig) -> dict[str, Any]:
    """How well photos of no known class are told from others; the unknown is the last class of `answers`.

    recognised: the share of the unknown that were answered so; false_alarms: the share of the others that were.
    """
    truth, said = (np.asarray(ids == answers.classes - 1, np.int64) for ids in (answers.truth, answers.predicted))
    told = ScoredPredictions.of(truth, np.eye(2)[said])
    found: dict[str, Any] = {"photos": int(truth.sum())}
    for name, is_unknown in (("recognised", 1), ("false_alarms", 0)):
        where = truth == is_unknown
        if where.any():
            compared = metrics.compare(
                told.only(where), {}, groups[where], top_k=1, resamples=config.bootstrap, seed=config.seed
            )
            right = compared["accuracy"].classifier
            wrong = Estimate(1 - right.value, 1 - right.high, 1 - right.low)
            found[name] = estimate(right if is_unknown else wrong)
    return found


def scores(compared: Mapping[str, Comparison]) -> dict[str, Any]:
    """Each score with its interval, and the same scores of the others."""
    return {
        name: {
            **estimate(comparison.classifier),
            "against": {
                other: {
                    "value": rounded(against.value),
                    "difference": estimate(against.difference),
                    "verdict": against.verdict,
                }
                for other, against in comparison.against.items()
            },
        }
        for name, comparison in compared.items()
    }


def estimate(found: Estimate) -> dict[str, float | None]:
    """A number and its interval."""
    return {"value": rounded(found.value), "low": rounded(found.low), "high": rounded(found.high)}


def rounded(number: float) -> float | None:
    """A number as it is written; None where it is none."""
    return round(float(number), DIGITS) if np.isfinite(number) else None
