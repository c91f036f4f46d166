"""Checks of a photo by itself: a score from its facts, and the setting of the filter that says where it becomes a flaw."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from configs.schema import FilterConfig

Facts = NDArray[np.void]
"""`(n,)` of type `facts.FACTS`."""
Scores = NDArray[np.float64]
"""`(n,)`, one for each photo."""


@dataclass(frozen=True)
class Check:
    """One reason for which a photo may be rejected."""

    reason: str
    setting: str
    """The threshold in `FilterConfig`; None there switches the check off."""
    score: Callable[[Facts], Scores]
    is_least: bool = True
    """Whether the threshold is the least score that passes, or the largest."""

    def flawed(self, facts: Facts, config: FilterConfig) -> tuple[Scores, NDArray[np.bool_]]:
        """Scores, and which photos don't pass, `(n,)` each."""
        scores, threshold = self.score(facts), getattr(config, self.setting)
        if threshold is None:
            return scores, np.zeros(len(facts), bool)
        return scores, np.less(scores, threshold) if self.is_least else np.greater(scores, threshold)


def shorter_side_px(facts: Facts) -> Scores:
    """Pixels of the shorter side."""
    return np.asarray(np.minimum(facts["width_px"], facts["height_px"]), np.float64)


def aspect(facts: Facts) -> Scores:
    """The shorter side over the longer one, 0 to 1; 1 is a square."""
    longer = np.maximum(facts["width_px"], facts["height_px"])
    return np.asarray(shorter_side_px(facts) / np.maximum(longer, 1))


def brightest(facts: Facts) -> Scores:
    """The grey level, 0 to 255, that 99 % of the pixels don't exceed: low in a dark photo."""
    return facts["p99"].astype(np.float64)


def darkest(facts: Facts) -> Scores:
    """The grey level, 0 to 255, that 5 % of the pixels don't exceed: high in a washed-out photo."""
    return facts["p05"].astype(np.float64)


def contrast(facts: Facts) -> Scores:
    """Grey levels between the darkest and the brightest 1 % of the pixels: low in a photo of nothing."""
    return np.asarray(facts["p99"].astype(np.float64) - facts["p01"])


def sharpness(facts: Facts) -> Scores:
    """Detail over contrast, see `facts.sharpness`: low in a blurred photo."""
    return facts["sharpness"].astype(np.float64)


CHECKS = (
    Check("too small", "min_side_px", shorter_side_px),
    Check("odd aspect", "min_aspect", aspect),
    Check("too dark", "dark_level", brightest),
    Check("too light", "light_level", darkest, is_least=False),
    Check("uniform", "min_contrast", contrast),
    Check("blurred", "min_sharpness", sharpness),
)
"""In the order in which they are asked: a photo gets the first reason that holds."""
