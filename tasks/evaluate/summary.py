"""The scores of an evaluation as plain JSON. A number is finite, or None if its denominator is 0."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from configs.schema import EvaluateConfig
from tasks.evaluate import metrics
from tasks.evaluate.metrics import Comparison, Estimate
from tasks.inference.arrays import DIGITS, Ids, ScoredPredictions
from tasks.inference.headline import headline_metric

if TYPE_CHECKING:
    import pandas as pd

_CONFUSIONS = 30
"""Maximum number of listed confusions."""


def summarize(
    answers: ScoredPredictions,
    others: Mapping[str, ScoredPredictions],
    counts: Mapping[str, Ids],
    names: Sequence[str],
    config: EvaluateConfig,
    *,
    groups: NDArray[Any],
) -> dict[str, Any]:
    """Compute the scores of the test split.

    Args:
        answers: The classifier's predictions for n test photos.
        others: The predictions of each baseline for the same photos, by its name.
        counts: For each of train, val and test, the photos of each class, (classes,).
        names: The names of the classes.
        config: The section of the evaluate stage.
        groups: (n,) the group of near duplicates of each photo.

    Returns:
        A part of metrics.json, without the verdicts: `verdicts.set_verdicts` sets those of the whole evaluation.
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
        "headline": headline_metric(counts["train"], "auto"),
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


def summarize_unknown(answers: ScoredPredictions, groups: NDArray[Any], config: EvaluateConfig) -> dict[str, Any]:
    """Compute how well photos of unknown classes are recognised.

    Args:
        answers: The predictions for n test photos. The last class is the unknown class.
        groups: (n,) the group of near duplicates of each photo.
        config: The section of the evaluate stage.

    Returns:
        photos: photos of unknown classes; recognised: the share of them that is predicted as unknown; false_alarms: the
        share of the other photos that is predicted as unknown.
    """
    truth, predicted = (np.asarray(ids == answers.classes - 1, np.int64) for ids in (answers.truth, answers.predicted))
    is_unknown = ScoredPredictions.of(truth, np.eye(2)[predicted])
    found: dict[str, Any] = {"photos": int(truth.sum())}
    for name, true_class in (("recognised", 1), ("false_alarms", 0)):
        where = truth == true_class
        if where.any():
            compared = metrics.compare(
                is_unknown.only(where), {}, groups[where], top_k=1, resamples=config.bootstrap, seed=config.seed
            )
            right = compared["accuracy"].classifier
            wrong = Estimate(1 - right.value, 1 - right.high, 1 - right.low)
            found[name] = estimate(right if true_class else wrong)
    return found


def summarize_removed(
    removed: "pd.DataFrame",
    without: Mapping[str, Any],
    together: ScoredPredictions,
    groups: NDArray[Any],
    config: EvaluateConfig,
) -> dict[str, Any]:
    """Compare the scores with and without the photos that a check of the filter removed from the test.

    Args:
        removed: The removed photos, with the columns reason, label and right.
        without: The scores of the test without them, as `scores` writes them.
        together: The predictions for the test photos, then for the removed photos.
        groups: The group of near duplicates of each photo of `together`.
        config: The section of the evaluate stage.

    Returns:
        The part `removed` of metrics.json. photos and right: removed photos, and how many of them are answered
        correctly, in all, by reason and by class; groups: groups of near duplicates in the test with them; scores: each
        score without and with them, and the difference, which is how much higher the score is without them.
    """
    is_kept = np.arange(len(groups)) < len(groups) - len(removed)
    found = metrics.compare_part(
        together, is_kept, groups, top_k=config.top_k, resamples=config.bootstrap, seed=config.seed
    )
    compared = {
        name: {
            "without": {key: without[name][key] for key in ("value", "low", "high")},
            "with": estimate(comparison.everything),
            "difference": estimate(comparison.difference),
            "p_value": rounded(comparison.p_value),
        }
        for name, comparison in found.items()
    }
    return {
        "photos": len(removed),
        "right": int(removed["right"].sum()),
        **{
            part: {
                str(name): {"photos": len(rows), "right": int(rows["right"].sum())}
                for name, rows in removed.groupby(column)
            }
            for part, column in (("by_reason", "reason"), ("by_class", "label"))
        },
        "groups": len(np.unique(groups)),
        "scores": compared,
    }


def scores(compared: Mapping[str, Comparison]) -> dict[str, Any]:
    """Write comparisons as JSON: each score with its interval and the baselines."""
    return {
        name: {
            **estimate(comparison.classifier),
            "against": {
                other: {
                    "value": rounded(against.value),
                    "difference": estimate(against.difference),
                    "p_value": rounded(against.p_value),
                }
                for other, against in comparison.against.items()
            },
        }
        for name, comparison in compared.items()
    }


def estimate(found: Estimate) -> dict[str, float | None]:
    """Write a number and its interval as JSON."""
    return {"value": rounded(found.value), "low": rounded(found.low), "high": rounded(found.high)}


def rounded(number: float) -> float | None:
    """Round a number for a file; None if it is NaN or infinite."""
    return round(float(number), DIGITS) if np.isfinite(number) else None
