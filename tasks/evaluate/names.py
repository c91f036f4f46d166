"""The names of scores, baselines and verdicts, as users see them in the report, the dashboard and the terminal."""

from collections.abc import Mapping
from typing import Any

from tasks.evaluate.verdicts import Verdict

SCORES = {
    "accuracy": ("accuracy", "share of photos whose predicted class is right"),
    "balanced_accuracy": ("balanced accuracy", "mean recall of the classes, each with the same weight"),
    "macro_f1": ("macro F1", "mean F1 of the classes, each with the same weight"),
    "weighted_f1": ("weighted F1", "mean F1 of the classes, weighted by their photos"),
    "top_k_accuracy": ("top-{top_k} accuracy", "share of photos whose class is among the first {top_k} predictions"),
    "map_at_5": ("mAP@5", "mean of 1/rank of the true class among the first five predictions"),
    "log_loss": ("log loss", "mean negative log-likelihood of the true class; lower is better"),
}
"""Name and meaning of each score."""
_MANY_CLASSES = 30
"""With fewer classes, the true one is nearly always among the first five answers."""
BASELINES = {
    "commonest": "majority class",
    "nearest": "nearest photo",
    "logistic": "logistic regression",
    "champion": "champion",
}
"""The baselines of metrics.json, in the order of the tables."""
OUTCOMES: dict[Verdict, str] = {
    "better": "classifier better",
    "worse": "classifier worse",
    "undecided": "not significant",
    "too few": "too few photos to tell",
}
"""The verdicts of metrics.json."""


def baselines_of(score: Mapping[str, Any]) -> list[str]:
    """List the baselines that a score of metrics.json is compared with, in the order of the tables."""
    return [name for name in BASELINES if name in score["against"]]


def shows_map(metrics: Mapping[str, Any]) -> bool:
    """Return whether mAP@5 says something: it is the headline metric, or there are many classes to rank."""
    return bool(metrics["headline"] == "map_at_5" or metrics["classes"] >= _MANY_CLASSES)


def says_something(name: str, metrics: Mapping[str, Any]) -> bool:
    """Return whether a score says something: top-k accuracy doesn't with k classes or less; mAP@5: see `shows_map`."""
    if name == "top_k_accuracy":
        return bool(1 < metrics["test"]["top_k"] < metrics["classes"])
    return name != "map_at_5" or shows_map(metrics)
