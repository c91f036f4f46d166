"""Scores and answers in words, as the page and the contact sheet show them."""

from collections.abc import Mapping

from flows.review import doubtful_labels, model_doubts
from flows.review.items import Answer, ReviewItem
from tasks.filter.label_issues.rank import OUTLIER, WRONG_LABEL
from tasks.filter.rules import FACES, NEAR_DUPLICATE, TWO_CLASSES
from tasks.text import percent

_CHECKS: Mapping[str, tuple[str, str]] = {
    "too small": ("the shorter side has {} px", "at least {} px are asked for"),
    "odd aspect": ("the shorter side is {} of the longer one", "at least {} is asked for"),
    "too dark": ("the brightest grey is {} of 255", "less than {} is too dark"),
    "too light": ("the darkest grey is {} of 255", "more than {} is too light"),
    "uniform": ("the greys span {} of 255 levels", "less than {} is uniform"),
    "blurred": ("the sharpness is {}", "less than {} is blurred"),
    NEAR_DUPLICATE: ("the fingerprints differ in {} bits", "up to {} count as a copy"),
    TWO_CLASSES: ("the fingerprints differ in {} bits", "up to {} count as a copy"),
    OUTLIER: ("{} deviations farther from its class than usual", "the limit is {}"),
    WRONG_LABEL: ("the doubt about its class is {} of 1", "the limit is {}"),
}
"""What the score and the threshold of a reason are."""


def score_words(item: ReviewItem) -> str:
    """Say in words why an item is listed; empty if the reason says all, or the model's answer does."""
    if item.score is None:
        return ""
    if item.reason == doubtful_labels.REASON:
        return f"judged by other photos, it is “{item.key.label}” with {percent(1 - item.score, 0)}"
    if item.reason in model_doubts.HINTS:
        predicted = item.suggestion or item.key.label
        return "" if item.answer else answer_words(Answer(predicted, item.score, is_wrong=bool(item.suggestion)))
    if item.reason == FACES:
        return _faces(int(item.score), item.threshold)
    if item.reason not in _CHECKS and item.threshold is None:  # such as truncated: the reason says all
        return ""
    score, threshold = _CHECKS.get(item.reason, ("the score is {}", "the limit is {}"))
    said = score.format(f"{item.score:.3g}")
    return said if item.threshold is None else f"{said}; {threshold.format(f'{item.threshold:.3g}')}"


def _faces(found: int, limit: float | None) -> str:
    said = {0: "no face was found", 1: "1 face was found"}.get(found, f"{found:,} faces were found")
    if limit is None:
        return said
    return f"{said}; allowed: at {'most' if found > limit else 'least'} {limit:g}"


def answer_words(answer: Answer | None) -> str:
    """Say in words what the model answers; empty if it has not been asked."""
    if answer is None:
        return ""
    return f"the model is {percent(answer.probability, 0)} sure that this is “{answer.predicted}”"


def similarity_words(cosine: float | None) -> str:
    """Say in words how similar a photo is to the chosen one; `cosine` is -1..1, None if it isn't known."""
    return "its features are not stored" if cosine is None else f"similarity {cosine:.2f} of 1"
