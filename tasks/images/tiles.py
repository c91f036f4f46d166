"""Turn a photo into a square tile, and lay a tile's map back over its photo."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from configs.schema import PreprocessConfig
from tasks.images import photos


@dataclass(frozen=True)
class Placement:
    """Where a photo's pixels are in its tile."""

    rows: slice
    columns: slice
    """The part of the photo that is kept."""
    left: int
    top: int
    width: int
    height: int
    """The part of the tile that it fills, px; the rest are bars."""


def placement(height: int, width: int, config: PreprocessConfig) -> Placement:
    """Where the pixels of a photo of `height` x `width` come to be; its shape is kept, nothing is stretched."""
    left, top, right, bottom = config.crop
    rows = slice(int(top * height), max(int(bottom * height), int(top * height) + 1))
    columns = slice(int(left * width), max(int(right * width), int(left * width) + 1))
    side, tall, wide = config.side_px, rows.stop - rows.start, columns.stop - columns.start
    scale = side / max(tall, wide)
    width, height = max(1, round(wide * scale)), max(1, round(tall * scale))
    return Placement(rows, columns, (side - width) // 2, (side - height) // 2, width, height)


def make_tile(photo: NDArray[np.uint8], config: PreprocessConfig) -> NDArray[np.uint8]:
    """Turn a photo `(h, w, 3)`, RGB, uint8, into a tile `(side, side, 1 or 3)`, uint8.

    It is cropped, made grey if asked, shrunk by area (enlarged by cubic interpolation) until its longer side fits, and
    padded with bars to a square.
    """
    import cv2

    place = placement(photo.shape[0], photo.shape[1], config)
    photo = photo[place.rows, place.columns]
    if config.colour == "grey":
        photo = np.asarray(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), np.uint8)
    shrinks = config.side_px < max(photo.shape[:2])
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    resized = np.asarray(cv2.resize(photo, (place.width, place.height), interpolation=how), np.uint8)
    resized = resized.reshape(place.height, place.width, -1)
    tile = np.full((config.side_px, config.side_px, resized.shape[2]), config.pad_value, np.uint8)
    tile[place.top : place.top + place.height, place.left : place.left + place.width] = resized
    return tile


def spread(heat: NDArray[np.float32], height: int, width: int, config: PreprocessConfig) -> NDArray[np.float32]:
    """A map `(h', w')` of a tile, laid over the photo that the tile is of: float32 `(height, width)`.

    Parts of the photo that were cropped away have 0.
    """
    import cv2

    place, side = placement(height, width, config), config.side_px
    over = np.asarray(cv2.resize(heat, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)
    over = over[place.top : place.top + place.height, place.left : place.left + place.width]
    whole = np.zeros((height, width), np.float32)
    inner = whole[place.rows, place.columns]
    inner[:] = cv2.resize(over, inner.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return whole


def tile_of(data: bytes, config: PreprocessConfig) -> NDArray[np.uint8]:
    """The tile `(side, side, 1 or 3)`, uint8, of an encoded photo; raises ValueError with the reason if it is none.

    A JPEG is decoded at half of its size or less as long as a tile loses nothing by it: one of 64 px needs no more than
    an eighth of a large photo's resolution; a crop needs more of it.
    """
    width, height = config.crop[2] - config.crop[0], config.crop[3] - config.crop[1]
    at_least_px = int(np.ceil(2 * config.side_px / min(width, height)))
    return make_tile(photos.decode(data, at_least_px=at_least_px), config)
