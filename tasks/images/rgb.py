"""Convert a loaded image to upright RGB or grey pixels; transparent parts become white."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.images import depth
from tasks.images.orientation import TRANSPOSED, as_stored, orientation

if TYPE_CHECKING:
    from PIL.Image import Image

_ROWS = 256
"""Rows that are converted at a time, so that no large temporary images are needed."""


def upright_pixels(image: "Image", data: bytes, *, grey: bool = False) -> NDArray[np.uint8]:
    """Convert a loaded image to upright pixels: RGB `(h, w, 3)`, or grey ones `(h, w, 1)`.

    Args:
        image: The image.
        data: The bytes of its file.
        grey: Whether a grey image may stay grey.

    Raises:
        ValueError: `unreadable`.
    """
    turned = orientation(image)
    if depth.is_deep(image, data):
        grey_or_rgb = depth.pixels_of(image, data)
        height, width = grey_or_rgb.shape[:2]
    else:
        grey_or_rgb, (width, height) = None, image.size
        if grey and image.mode == "L" and not image.has_transparency_data:
            grey_or_rgb = np.asarray(image)[..., None]
    channels = 1 if grey and grey_or_rgb is not None and grey_or_rgb.shape[2] == 1 else 3
    upright = np.empty((*((width, height) if turned in TRANSPOSED else (height, width)), channels), np.uint8)
    stored = as_stored(upright, turned)
    if grey_or_rgb is not None:
        stored[:] = grey_or_rgb
        return upright
    for top in range(0, height, _ROWS):
        bottom = min(height, top + _ROWS)
        rows = image if (top, bottom) == (0, height) else image.crop((0, top, width, bottom))
        stored[top:bottom] = np.asarray(_over_white(rows))
    return upright


def _over_white(image: "Image") -> "Image":
    """Convert an image to RGB; transparent parts become white."""
    from PIL import Image

    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == "RGB" else image.convert("RGB")
