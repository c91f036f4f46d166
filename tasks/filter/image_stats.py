"""Statistics of one photo that the checks and the search for near duplicates need.

They are computed once per photo and cached. The thresholds are applied afterwards, so a new threshold needs no second
read of the photos.
"""

import numpy as np
from numpy.typing import NDArray

from tasks.filter.phash import HASH_BYTES, WINDOWS, perceptual_hashes, window_hashes
from tasks.images import photos

VERSION = 4
"""Increase it when the computed values change: cached values are then computed again."""

LAYOUT_CELLS = 4
"""Rows and columns of the colour layout."""

STATS_DTYPE = np.dtype(
    [
        ("flaw", "S20"),
        ("width_px", "<i4"),
        ("height_px", "<i4"),
        ("hash", "u1", (HASH_BYTES,)),
        ("mirror", "u1", (HASH_BYTES,)),
        ("windows", "u1", (WINDOWS, HASH_BYTES)),
        ("layout", "u1", (LAYOUT_CELLS, LAYOUT_CELLS, 3)),
        ("p01", "u1"),
        ("p05", "u1"),
        ("p99", "u1"),
        ("sharpness", "<f4"),
    ]
)
"""One photo. The shards on disk contain these names.

flaw: b"" if the photo can be decoded, else one of `photos.PROBLEMS`. width_px, height_px: size of the original.
hash, mirror, windows: 256-bit perceptual hashes of the photo, of its mirror image, and of nine mild crops. layout: see
`colour_layout`. p01, p05, p99: grey levels (0 to 255) that 1, 5 and 99 % of the pixels don't exceed. sharpness: see
`sharpness`.
"""

_SIDE_PX = 256
_DECODED_PX = 192
"""Shorter side that is enough for all statistics. A JPEG is decoded at the smallest size that has it."""


def compute_stats(data: bytes) -> NDArray[np.void]:
    """Compute the statistics of a photo from the bytes of its file.

    Returns a scalar array `()` of STATS_DTYPE. If the photo can't be decoded, `flaw` says why, and the other fields are
    0; the size is set where it is known.
    """
    stats = np.zeros((), STATS_DTYPE)
    try:
        stats["width_px"], stats["height_px"] = photos.size_px(data)
        grey, layout = photos.decode_to(_grey_and_layout, data, at_least_px=_DECODED_PX)
    except ValueError as error:
        stats["flaw"] = str(error).encode()
        return stats
    stats["p01"], stats["p05"], stats["p99"] = grey_quantiles(grey, (0.01, 0.05, 0.99))
    stats["sharpness"] = sharpness(grey)
    stats["hash"], stats["mirror"] = perceptual_hashes(grey)
    stats["windows"] = window_hashes(grey)
    stats["layout"] = layout
    return stats


def _grey_and_layout(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    return reduced(pixels), colour_layout(pixels)


def colour_layout(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the mean colours of 4x4 parts of an RGB image `(h, w, 3)`: `(4, 4, 3)`, uint8.

    The channels are luma (0 to 255), and a* and b* of CIELAB plus 128, so that distances between colours are about the
    same for all hues. A grey photo has 128 in both.
    """
    import cv2

    small = cv2.resize(pixels, (LAYOUT_CELLS, LAYOUT_CELLS), interpolation=cv2.INTER_AREA)
    luma, lab = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    return np.dstack([luma, lab[..., 1:]]).astype(np.uint8)


def reduced(pixels: NDArray[np.uint8], side_px: int = _SIDE_PX) -> NDArray[np.uint8]:
    """Convert RGB `(h, w, 3)` to grey `(h, w)`, uint8, and shrink it to a longer side of at most `side_px`."""
    import cv2

    return photos.shrink(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8), side_px)


def grey_quantiles(grey: NDArray[np.uint8], shares: tuple[float, ...]) -> list[int]:
    """Return the grey levels (0 to 255) that these shares (0 to 1) of the pixels don't exceed."""
    cumulated = np.cumsum(np.bincount(grey.ravel(), minlength=256)) / grey.size
    return [int(level) for level in np.searchsorted(cumulated, shares)]


def sharpness(grey: NDArray[np.uint8]) -> float:
    """Measure the sharpness of a grey image `(h, w)`: standard deviation of its Laplacian over that of its pixels.

    0 means no detail. Sharp photos of 256 px have 0.1 to 2; blurred ones have less. The Laplacian is that of
    J. L. Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000. It is divided by the
    contrast, because a dim photo is not a blurred one.
    """
    import cv2

    contrast = float(grey.std())
    return float(cv2.Laplacian(grey, cv2.CV_32F).std()) / contrast if contrast > 0 else 0.0
