"""Rank the label issues: the worst outliers, and the most probably wrong labels, as verdicts for review."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from configs.schema import FilterConfig
from tasks.filter.label_issues.outliers import outlier_scores
from tasks.filter.rules import Verdict
from tasks.inference.mislabels import NO_SUGGESTION, find_mislabels

OUTLIER, WRONG_LABEL = "outlier", "wrong label"


def rank_label_issues(
    embedding: NDArray[np.floating], labels: Sequence[str], groups: Sequence[int], config: FilterConfig
) -> Iterator[tuple[int, Verdict]]:
    """Yield positions and verdicts of label issues, the worst of each reason first.

    These are the first `filter.label_issues` of each reason, and all with a score above its threshold.

    Args:
        embedding: `(n, d)`, finite.
        labels: Class of each photo.
        groups: Group of near duplicates of each photo.
        config: How many issues to list, the thresholds, and the seed.
    """
    names, codes = np.unique(np.array(labels, str), return_inverse=True)
    yield from _worst(
        OUTLIER, outlier_scores(embedding, codes, seed=config.seed), config.max_outlier, config.label_issues
    )
    scores, suggested, _ = find_mislabels(embedding, codes, np.array(groups), seed=config.seed)
    for position, verdict in _worst(WRONG_LABEL, scores, config.max_label_doubt, config.label_issues):
        code = int(suggested[position])
        yield position, replace(verdict, suggestion=None if code == NO_SUGGESTION else str(names[code]))


def _worst(
    reason: str, scores: NDArray[np.floating], threshold: float | None, count: int
) -> Iterator[tuple[int, Verdict]]:
    """Yield the first `count` positions by descending score, and all above the threshold; scores of 0 never."""
    rounded = np.round(scores, 4)  # the last bits differ between machines
    for rank, position in enumerate(np.argsort(-rounded, kind="stable").tolist()):
        score = float(rounded[position])
        if score <= 0 or (rank >= count and (threshold is None or score <= threshold)):
            return
        yield position, Verdict(reason, score, threshold)
