"""The result of the inspection of a classifier's layers, as plain arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LayerImages:
    """A layer with feature maps `(h, w, c)`: maps of some channels, and images that activate some channels."""

    name: str
    shape: tuple[int, int, int]
    """(h, w, c)."""
    channels: NDArray[np.int64]
    """(k,): channels in descending order of their variance over one tile."""
    maps: NDArray[np.float32]
    """(k, h, w): the maps of these channels for that tile."""
    responsive: NDArray[np.int64]
    """(k,): channels in descending order of their variance over several tiles."""
    pictures: NDArray[np.uint8]
    """(k, h', w', 1 or 3): images that activate these channels, as large as a tile or smaller, at the same scale."""


@dataclass(frozen=True)
class LayerInspection:
    """A tile, and the inspected layers of a classifier."""

    tile: NDArray[np.uint8]
    """(side, side, 1 or 3)."""
    layers: Sequence[LayerImages]
    """From the finest map to the coarsest."""
