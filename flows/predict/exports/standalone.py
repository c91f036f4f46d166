"""The module tiles.py of an export: fluke's own functions that make tiles, for programs that have only OpenCV."""

import inspect

from tasks.images import tiles

_HEAD = '''\
"""Make tiles of photos as this model has learned from them. It needs NumPy and OpenCV.

These functions are copies of fluke's.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import cv2
import numpy as np


def tile_of(photo, settings):
    """Make the tile of a photo, uint8 (side, side, 1 or 3), grey or RGB.

    Args:
        photo: The bytes of its file. OpenCV rotates it as its EXIF data says.
        settings: `preprocess` of model.json.
    """
    pixels = cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError("OpenCV can't read this photo")
    return make_tile(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), SimpleNamespace(**settings))


'''


def source() -> str:
    """Return the text of the module."""
    parts = (tiles.Placement, tiles.placement, tiles.make_tile, tiles.spread, tiles._central)
    constants = f"LINEAR_BELOW = {tiles.LINEAR_BELOW}\n\n\n"
    return _HEAD + constants + "\n\n".join(inspect.getsource(part) for part in parts)
