"""Facts of a photo that the filter's checks need, measured in one look; thresholds are applied to them afterwards."""

import numpy as np
from numpy.typing import NDArray

from tasks.filter.phash import HASH_BYTES, WINDOWS, perceptual_hashes, window_hashes
from tasks.images import photos

VERSION = 3
"""Raised by whoever changes what is measured."""

FACTS = np.dtype(
    [
        ("flaw", "S10"),
        ("width_px", "<i4"),
        ("height_px", "<i4"),
        ("hash", "u1", (HASH_BYTES,)),
        ("mirror", "u1", (HASH_BYTES,)),
        ("windows", "u1", (WINDOWS, HASH_BYTES)),
        ("p01", "u1"),
        ("p05", "u1"),
        ("p99", "u1"),
        ("sharpness", "<f4"),
    ]
)
"""flaw: b"" or why it can't be decoded (`unreadable`, `truncated`); size in pixels; 256-bit perceptual hash of the
photo, of its mirror image and of mild crops of it; grey levels that 1, 5 and 99 % of the pixels don't exceed;
sharpness, see there."""

_SIDE_PX = 256
_DECODED_PX = 192
"""Enough of the shorter side for all that is measured; a JPEG is decoded no larger than needed for it."""


def measure(data: bytes) -> NDArray[np.void]:
    """The facts of a photo's bytes: one row of type FACTS, `()`."""
    facts = np.zeros((), FACTS)
    try:
        facts["width_px"], facts["height_px"] = photos.size_px(data)
        pixels = photos.decode(data, at_least_px=_DECODED_PX)
    except ValueError as error:
        facts["flaw"] = str(error).encode()
        return facts
    grey = reduced(pixels)
    facts["p01"], facts["p05"], facts["p99"] = levels(grey, (0.01, 0.05, 0.99))
    facts["sharpness"] = sharpness(grey)
    facts["hash"], facts["mirror"] = perceptual_hashes(grey)
    facts["windows"] = window_hashes(grey)
    return facts


def reduced(pixels: NDArray[np.uint8], side_px: int = _SIDE_PX) -> NDArray[np.uint8]:
    """RGB `(h, w, 3)` as grey `(h, w)`, uint8, whose longer side has at most `side_px`."""
    import cv2

    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    scale = side_px / max(grey.shape)
    if scale < 1:
        size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.uint8)


def levels(grey: NDArray[np.uint8], shares: tuple[float, ...]) -> list[int]:
    """The grey levels, 0 to 255, that these shares of the pixels don't exceed."""
    cumulated = np.cumsum(np.bincount(grey.ravel(), minlength=256)) / grey.size
    return [int(level) for level in np.searchsorted(cumulated, shares)]


def sharpness(grey: NDArray[np.uint8]) -> float:
    """How fine the detail of a grey picture `(h, w)` is: its Laplacian's standard deviation over its own.

    0 is without any detail; photos of 256 px have 0.1 to 2, blurred ones less. The Laplacian as in J. L. Pech-Pacheco
    et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000; divided by the contrast, since a dim photo isn't
    a blurred one.
    """
    import cv2

    contrast = float(grey.std())
    return float(cv2.Laplacian(grey, cv2.CV_32F).std()) / contrast if contrast > 0 else 0.0
