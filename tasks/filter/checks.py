"""Checks of single photos: each computes a score from the image statistics and compares it with a setting."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from configs.schema import FilterConfig

ImageStats = NDArray[np.void]
"""Statistics of n photos: `(n,)` of `image_stats.STATS_DTYPE`."""
Scores = NDArray[np.float64]
"""One score per photo, `(n,)`."""


@dataclass(frozen=True)
class Check:
    """One reason to reject a photo."""

    reason: str
    setting: str
    """Name of the threshold in `FilterConfig`. If it is None there, the check is off."""
    score: Callable[[ImageStats], Scores]
    is_minimum: bool = True
    """Whether the threshold is the lowest score that passes. If false, it is the highest."""

    def failures(self, stats: ImageStats, config: FilterConfig) -> tuple[Scores, NDArray[np.bool_]]:
        """Return the scores and a mask of the photos that fail, `(n,)` each."""
        scores, threshold = self.score(stats), getattr(config, self.setting)
        if threshold is None:
            return scores, np.zeros(len(stats), bool)
        return scores, np.less(scores, threshold) if self.is_minimum else np.greater(scores, threshold)


def shorter_side_px(stats: ImageStats) -> Scores:
    """Return the pixels of the shorter side."""
    return np.asarray(np.minimum(stats["width_px"], stats["height_px"]), np.float64)


def aspect(stats: ImageStats) -> Scores:
    """Return the shorter side divided by the longer one, 0 to 1; a square has 1."""
    longer = np.maximum(stats["width_px"], stats["height_px"])
    return np.asarray(shorter_side_px(stats) / np.maximum(longer, 1))


def brightest(stats: ImageStats) -> Scores:
    """Return the grey level (0 to 255) that 99 % of the pixels don't exceed; dark photos have a low one."""
    return stats["p99"].astype(np.float64)


def darkest(stats: ImageStats) -> Scores:
    """Return the grey level (0 to 255) that 5 % of the pixels don't exceed; overexposed photos have a high one."""
    return stats["p05"].astype(np.float64)


def contrast(stats: ImageStats) -> Scores:
    """Return the grey levels between the darkest and the brightest 1 % of the pixels; uniform photos have few."""
    return np.asarray(stats["p99"].astype(np.float64) - stats["p01"])


def sharpness(stats: ImageStats) -> Scores:
    """Return the detail divided by the contrast (see `image_stats.sharpness`); blurred photos have little."""
    return stats["sharpness"].astype(np.float64)


CHECKS = (
    Check("too small", "min_side_px", shorter_side_px),
    Check("odd aspect", "min_aspect", aspect),
    Check("too dark", "dark_level", brightest),
    Check("too light", "light_level", darkest, is_minimum=False),
    Check("uniform", "min_contrast", contrast),
    Check("blurred", "min_sharpness", sharpness),
)
"""The order matters: a photo gets the reason of the first check that it fails."""
