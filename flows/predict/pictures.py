"""Pictures of predictions: a photo with its heat map, the answer above it and a scale beside it."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from configs.schema import PreprocessConfig
from flows.predict.captions import font_for
from tasks.crawl.listing.files import read_file

_MAX_STEM_BYTES = 200
"""File systems allow names of 255 bytes."""
_MAX_JPEG_SIDE_PX = 65_000
"""Longest side of a photo: libjpeg can write 65,500 px, and the lines above need some."""
_MOST_DRAWN_PX, _BYTES_PER_DRAWN_PX = 64e6, 20
"""Pixels of the largest picture with a heat map, and the memory that drawing needs for each."""


def picture_name(number: int, image: str) -> str:
    """Return the file name of a photo's heat map."""
    return f"{number:05d}-{Path(image).stem.encode()[:_MAX_STEM_BYTES].decode(errors='ignore')}.jpg"


def draw(
    photo: Path, heat_map: NDArray[np.float32], config: PreprocessConfig, path: Path, above: Sequence[str] = ()
) -> bool:
    """Write a photo with its heat map `(h', w')` as a JPEG; the photo has its own size, at most _MOST_DRAWN_PX pixels.

    Some lines are written above it, and a scale is drawn beside it.

    Returns:
        False if it is too large for a JPEG or for the memory, or if the photo has vanished or changed since its answer.
    """
    from tasks.images import photos
    from tasks.images.memory import PhotoTooLargeError

    try:
        data = read_file(photo)
        size = photos.size_px(data)
    except (OSError, ValueError):
        return False
    if max(size) > _MAX_JPEG_SIDE_PX:
        return False
    scale = min(1.0, (_MOST_DRAWN_PX / math.prod(size)) ** 0.5)

    def jpeg(pixels: NDArray[np.uint8]) -> bytes:
        import cv2

        from tasks.images.caption import caption
        from tasks.images.heatmap import colours, draw_heat_map
        from tasks.images.tiles import map_to_photo

        if scale < 1:
            pixels = photos.shrink(pixels, int(scale * max(size)))
        drawn = draw_heat_map(pixels, map_to_photo(heat_map, pixels.shape[0], pixels.shape[1], config))
        if above:
            drawn = caption(drawn, [(line, font_for(line)) for line in above], colours(), plain=font_for("high"))
        return cv2.imencode(".jpg", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))[1].tobytes()

    try:
        encoded = photos.decode_to(
            jpeg,
            data,
            at_least_px=int(scale * min(size)) if scale < 1 else None,
            more_bytes=int(_BYTES_PER_DRAWN_PX * min(_MOST_DRAWN_PX, math.prod(size))),
        )
    except (ValueError, PhotoTooLargeError):
        return False
    path.write_bytes(encoded)
    return True
