"""A heat map laid over the picture that it is of."""

import numpy as np
from numpy.typing import NDArray

_OPACITY = 0.7
"""Of the hottest part."""


def lay_over(pixels: NDArray[np.uint8], heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A picture `(h, w, 1 or 3)`, RGB or grey, with a map of any size over it: `(h, w, 3)`; the hottest is opaquest.

    heat: 0 or more; it is stretched to the picture's size.
    """
    import cv2

    height, width = pixels.shape[:2]
    over = cv2.resize(heat, (width, height), interpolation=cv2.INTER_LINEAR)
    share = (over / max(float(over.max()), 1e-9))[..., None]
    colours = cv2.cvtColor(cv2.applyColorMap(np.uint8(255 * share[..., 0]), cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    opacity = _OPACITY * share
    return np.asarray((1 - opacity) * pixels + opacity * colours, np.uint8)
