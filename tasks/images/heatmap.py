"""Draw a heat map over an image."""

import numpy as np
from numpy.typing import NDArray

_OPACITY = 0.7
"""Opacity of the hottest part, 0..1."""


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
    over = cv2.resize(heat, (width, height), interpolation=cv2.INTER_LINEAR)
    share = (over / max(float(over.max()), 1e-9))[..., None]
    colours = cv2.cvtColor(cv2.applyColorMap(np.uint8(255 * share[..., 0]), cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    opacity = _OPACITY * share
    return np.asarray((1 - opacity) * pixels + opacity * colours, np.uint8)
