"""Draw a heat map over an image."""

import numpy as np
from numpy.typing import NDArray

_OPACITY = 0.7
"""Opacity of the hottest part, 0..1."""
_ROWS = 256
"""Rows that are drawn at a time, so that no large temporary arrays are needed."""


def colours() -> NDArray[np.uint8]:
    """Return the scale: what the hottest part of a grey photo looks like, down to the coldest, RGB `(256, 3)`."""
    heat = np.linspace(1, 0, 256, dtype=np.float32)[:, None]
    return draw_heat_map(np.full((256, 1, 3), 128, np.uint8), heat)[:, 0]


def draw_heat_map(pixels: NDArray[np.uint8], heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Draw a heat map over an image; the hotter a part, the more opaque.

    Args:
        pixels: The image, `(h, w, 1 or 3)`, grey or RGB.
        heat: The map, `(h', w')`, 0 or more; it is resized to the image.

    Returns:
        RGB pixels `(h, w, 3)`.
    """
    import cv2

    height, width = pixels.shape[:2]
    over = heat if heat.shape == (height, width) else cv2.resize(heat, (width, height), interpolation=cv2.INTER_LINEAR)
    hottest = max(float(over.max()), 1e-9)
    drawn = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _ROWS):
        rows = slice(top, top + _ROWS)
        share = (over[rows] / hottest)[..., None]
        colours = cv2.applyColorMap(np.uint8(255 * share[..., 0]), cv2.COLORMAP_INFERNO)[..., ::-1]
        opacity = _OPACITY * share
        drawn[rows] = (1 - opacity) * pixels[rows] + opacity * colours
    return drawn
