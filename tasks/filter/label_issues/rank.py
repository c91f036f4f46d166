"""The photos that look least like their class, and those whose class is doubted most, as verdicts for review."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from configs.schema import FilterConfig
from tasks.filter.label_issues.mislabels import label_doubts
from tasks.filter.label_issues.outliers import outlier_scores
from tasks.filter.rules import Verdict

OUTLIER, WRONG_LABEL = "outlier", "wrong label"


def list_suspects(
    embedded: NDArray[np.floating], labels: Sequence[str], groups: Sequence[int], config: FilterConfig
) -> Iterator[tuple[int, Verdict]]:
    """Places and verdicts, the worst of each reason first: the first `label_issues`, and all beyond a threshold.

    embedded: `(n, d)`; labels: the class of each; groups: its near duplicates have the same number.
    """
    names, codes = np.unique(np.array(labels, str), return_inverse=True)
    yield from _worst(
        OUTLIER, outlier_scores(embedded, codes, seed=config.seed), config.max_outlier, config.label_issues
    )
    doubts, suggested = label_doubts(embedded, codes, np.array(groups), seed=config.seed)
    for place, verdict in _worst(WRONG_LABEL, doubts, config.max_label_doubt, config.label_issues):
        guess = int(suggested[place])
        yield (
            place,
            Verdict(WRONG_LABEL, verdict.score, verdict.threshold, None, str(names[guess]) if guess >= 0 else None),
        )


def _worst(
    reason: str, scores: NDArray[np.floating], threshold: float | None, most: int
) -> Iterator[tuple[int, Verdict]]:
    rounded = np.round(scores, 4)  # the last bits differ between machines
    for count, place in enumerate(np.argsort(-rounded, kind="stable").tolist()):
        score = float(rounded[place])
        if score <= 0 or (count >= most and (threshold is None or score <= threshold)):
            return
        yield place, Verdict(reason, score, threshold)
