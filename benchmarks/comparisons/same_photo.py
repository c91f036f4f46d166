"""Decide whether two files show the same photo, by aligning one with the other: slow, and without any hash.

The pairs of all tools are judged in the same way, planted or not: real photos have near duplicates that were not
planted, and no tool should be blamed for finding them. The benchmark counts the mistakes of this judge: it must
recognise every planted pair, and must not take two random photos for the same one.
"""

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

LIKE = 0.9
"""Correlation of the details from which two files count as the same photo.

Planted pairs have at least 0.97, and 3,000 random pairs at most 0.65."""

_SIDE_PX = 128
_COARSE_PX = 16
_MAYBE = 0.5
_STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-5)


@cache
def likeness(one: Path, other: Path) -> float:
    """Return the correlation (0 to 1) of the details of two photos after the best affine alignment and mirroring.

    The photos are aligned by enhanced correlation (G. Evangelidis and E. Psarakis, "Parametric Image Alignment Using
    Enhanced Correlation Coefficient Maximization", PAMI 2008, as in OpenCV). Details are the
    grey levels, resized to 128 x 128 px, minus a Gaussian blur of 6 px, so that backgrounds and shadows don't count.
    Pairs whose correlation at 16 px is below 0.5 get 0 without alignment.
    """
    fixed, moving = _details(one), _details(other)
    if fixed is None or moving is None:
        return 0.0
    best = 0.0
    for mirrored in (False, True):
        turned = tuple(np.ascontiguousarray(part[:, ::-1]) for part in moving) if mirrored else moving
        if _correlation(fixed[0], turned[0]) >= _MAYBE:
            best = max(best, _aligned(fixed[1], turned[1]))
    return best


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the correlation of two pictures; 0 if one of them is uniform."""
    if min(one.std(), other.std()) < 1e-6:
        return 0.0
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def _aligned(fixed: NDArray[np.float32], moving: NDArray[np.float32]) -> float:
    try:
        start = np.eye(2, 3, dtype=np.float32)
        return float(cv2.findTransformECC(fixed, moving, start, cv2.MOTION_AFFINE, _STEPS, None, 5)[0])
    except cv2.error:  # the alignment did not converge
        return 0.0


@cache
def _details(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Return a coarse copy and the details of a photo; None if it can't be decoded."""
    data = np.frombuffer(path.read_bytes(), np.uint8)
    grey = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if len(data) else None
    if grey is None:
        return None
    square = cv2.resize(grey, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    coarse = cv2.resize(square, (_COARSE_PX, _COARSE_PX), interpolation=cv2.INTER_AREA)
    return coarse, square - cv2.GaussianBlur(square, (0, 0), 6)
