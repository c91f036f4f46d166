"""Grids of a layer's feature maps, or of the patterns that its channels respond to, as PNG files."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_COLUMNS = 16
_LEAST_PX, _MOST_PX = 24, 96
"""Sides of a cell with a feature map."""
_GAP_PX = 2
_BACKGROUND = 216
"""Grey, so that white cells can be seen, too."""


def of_maps(maps: NDArray[np.float32]) -> bytes:
    """Draw the feature maps of all channels: `(h, w, c)`, 16 in a row, each from its lowest to its highest value.

    As in Chollet, "Deep Learning with Python", 2017, listing 5.31. A channel with one value only is dark.

    Returns:
        A PNG.
    """
    import cv2

    height, width, channels = maps.shape
    side = int(np.clip(max(height, width), _LEAST_PX, _MOST_PX))
    how = cv2.INTER_AREA if max(height, width) > side else cv2.INTER_NEAREST
    cells = []
    for channel in range(channels):
        values = maps[..., channel]
        lowest, span = float(values.min()), float(values.max() - values.min())
        grey = np.uint8(255 * (values - lowest) / span) if span > 0 else np.zeros(values.shape, np.uint8)
        cells.append(cv2.applyColorMap(cv2.resize(grey, (side, side), interpolation=how), cv2.COLORMAP_VIRIDIS))
    return _png(_tiled(cells, min(_COLUMNS, channels)))


def of_patterns(patterns: NDArray[np.uint8], columns: int) -> bytes:
    """Draw images `(n, h, w, 1 or 3)`, RGB or grey, at most so many in a row; returns a PNG."""
    rgb = np.broadcast_to(patterns, (*patterns.shape[:3], 3))
    return _png(_tiled([np.ascontiguousarray(each[..., ::-1]) for each in rgb], min(columns, len(rgb))))


def _tiled(cells: Sequence[NDArray[np.uint8]], columns: int) -> NDArray[np.uint8]:
    """Put cells `(h, w, 3)` of one size side by side, row after row."""
    height, width = (side + _GAP_PX for side in cells[0].shape[:2])
    rows = -(-len(cells) // columns)
    grid = np.full((rows * height - _GAP_PX, columns * width - _GAP_PX, 3), _BACKGROUND, np.uint8)
    for place, cell in enumerate(cells):
        top, left = place // columns * height, place % columns * width
        grid[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
    return grid


def _png(pixels: NDArray[np.uint8]) -> bytes:
    import cv2

    encoded: NDArray[np.uint8] = cv2.imencode(".png", pixels)[1]
    return encoded.tobytes()
