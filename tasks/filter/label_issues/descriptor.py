"""Handcrafted features of a photo: shape, texture and colour as a short vector, for use without a network.

They separate only photos that clearly differ; a trained network separates far better. They need no download and no
training.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.images.photos import shrink

VERSION = 2
"""Increase it when the computed values change: cached values are then computed again."""

AT_LEAST_PX = 128
"""Shorter side that a photo must have at least; see `photos.decode`."""

_SHAPE_PX = 64
_CELL_PX = 16
_DIRECTIONS = 9
_SHADES = (4, 6, 6)
_NEUTRAL = 128

LENGTH = (_SHAPE_PX // _CELL_PX) ** 2 * _DIRECTIONS + 256 + 4 * 6 * 6


def describe(photo: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Compute the features of a photo.

    The vector has three parts. Each has unit length, or is 0 if the photo lacks it, as edges in a uniform photo:

    - directions of edges in 4x4 cells of a copy padded to a square (N. Dalal and B. Triggs, "Histograms of Oriented
      Gradients for Human Detection", CVPR 2005, by OpenCV);
    - local binary patterns of the grey photo, which describe its texture (T. Ojala et al., "Multiresolution Gray-Scale
      and Rotation Invariant Texture Classification with Local Binary Patterns", IEEE TPAMI 24, 2002; radius 1);
    - a histogram of its colours in CIELAB, with finer bins for the colours that are frequent in photos (M. Swain and
      D. Ballard, "Color Indexing", IJCV 7, 1991).

    The square roots of the histograms are used, so a dot product is the Bhattacharyya coefficient (R. Arandjelović and
    A. Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012, section 3).

    Args:
        photo: RGB `(h, w, 3)`, uint8.

    Returns:
        `(LENGTH,)`, float32, each value from 0 to 1, never NaN.
    """
    import cv2

    photo = reduced(photo)
    grey = np.asarray(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), np.uint8)
    parts = (_edges(grey), np.sqrt(_patterns(grey)), np.sqrt(_colours(photo)))
    return np.concatenate([part / max(float(np.linalg.norm(part)), 1e-6) for part in parts]).astype(np.float32)


def reduced(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Shrink a photo as `describe` does first; a copy needs less memory than the photo."""
    return shrink(photo, AT_LEAST_PX)


def describe_all(photos: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Compute the features of n photos: `(n, LENGTH)`, float32."""
    return np.array([describe(photo) for photo in photos], np.float32).reshape(-1, LENGTH)


def _edges(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Compute the histograms of gradients of a grey photo `(h, w)`: `(144,)`."""
    import cv2

    grey = shrink(grey, _SHAPE_PX)
    height, width = grey.shape
    top, left = (_SHAPE_PX - height) // 2, (_SHAPE_PX - width) // 2
    # Padding with one colour would add edges, which would be the same for all photos of this shape.
    square = cv2.copyMakeBorder(
        grey, top, _SHAPE_PX - height - top, left, _SHAPE_PX - width - left, cv2.BORDER_REPLICATE
    )
    return np.asarray(_gradients().compute(square), np.float32).ravel()


@cache
def _gradients() -> Any:
    import cv2

    block = (2 * _CELL_PX, 2 * _CELL_PX)
    return cv2.HOGDescriptor((_SHAPE_PX, _SHAPE_PX), block, block, (_CELL_PX, _CELL_PX), _DIRECTIONS)


def _patterns(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Count the local binary patterns: which of a pixel's 8 neighbours aren't darker; `(256,)`, without the border."""
    height, width = (max(side - 2, 0) for side in grey.shape)
    centre = grey[1 : 1 + height, 1 : 1 + width]
    pattern = np.zeros((height, width), np.uint8)
    for bit, (y, x) in enumerate([(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]):
        pattern |= (grey[y : y + height, x : x + width] >= centre).astype(np.uint8) << bit
    return np.bincount(pattern.ravel(), minlength=256).astype(np.float32)


def _colours(photo: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Count the pixels of each of 4x6x6 colours: `(144,)`."""
    import cv2

    lab = cv2.cvtColor(photo, cv2.COLOR_RGB2LAB)
    # Strong colours are rare: they are counted in the outermost bins.
    lab[:, :, 1:] = np.clip(lab[:, :, 1:], _NEUTRAL - 64, _NEUTRAL + 63)
    around = [_NEUTRAL - 64, _NEUTRAL + 64]
    return np.asarray(cv2.calcHist([lab], [0, 1, 2], None, _SHADES, [0, 256, *around, *around]), np.float32).ravel()
