"""The scores of predictions. Training chooses by them, and the evaluation reports them."""

import numpy as np

from tasks.inference.arrays import Floats, ScoredPredictions

SCORES = ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "top_k_accuracy", "map_at_5", "log_loss")
LOWER_IS_BETTER = frozenset({"log_loss"})
MEANS_OVER_CLASSES = frozenset({"balanced_accuracy", "macro_f1"})
"""The scores in which every class has the same weight."""


def score(answers: ScoredPredictions, top_k: int, weights: Floats | None = None) -> dict[str, float]:
    """Compute each of `SCORES`.

    Balanced accuracy is the mean recall of all classes that have photos. Macro F1 is the mean F1 of all classes that
    are true or predicted for at least one photo. Weighted F1 weights these classes by their photos. All three are as
    in scikit-learn. mAP@5 with one true class is the mean of 1/rank, with 0 for ranks above 5
    (kaggle.com/c/whale-categorization-playground, "Evaluation").

    Args:
        answers: The predictions for n photos; n is 1 or more.
        top_k: k of top-k accuracy.
        weights: (n,) how often each photo counts; default: once.
    """
    if weights is None:
        weights = np.ones(len(answers.truth))
    total = weights.sum()
    support, predicted, hits = class_counts(answers, weights)
    true, seen = support > 0, support + predicted > 0
    return {
        "accuracy": hits.sum() / total,
        "balanced_accuracy": np.mean(hits[true] / support[true]),
        "macro_f1": np.mean(2 * hits[seen] / (support + predicted)[seen]),
        "weighted_f1": np.sum(support[seen] * 2 * hits[seen] / (support + predicted)[seen]) / total,
        "top_k_accuracy": weights @ (answers.rank <= top_k) / total,
        "map_at_5": weights @ np.where(answers.rank <= 5, 1 / answers.rank, 0) / total,
        "log_loss": weights @ answers.loss / total,
    }


def class_counts(answers: ScoredPredictions, weights: Floats | None = None) -> tuple[Floats, Floats, Floats]:
    """Count photos of each class, `(classes,)` each: true, predicted, and both.

    Args:
        answers: The predictions for n photos.
        weights: (n,) how often each photo counts; default: once.
    """
    if weights is None:
        weights = np.ones(len(answers.truth))
    right = np.where(answers.predicted == answers.truth, weights, 0)
    return (
        np.bincount(answers.truth, weights, answers.classes).astype(np.float64, copy=False),
        np.bincount(answers.predicted, weights, answers.classes).astype(np.float64, copy=False),
        np.bincount(answers.truth, right, answers.classes).astype(np.float64, copy=False),
    )
