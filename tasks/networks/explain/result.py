"""What is shown of the inside of a trained classifier, as plain arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Layer:
    """A layer that gives feature maps `(h, w, c)`, and k of its channels in two ways."""

    name: str
    shape: tuple[int, int, int]
    """(h, w, c)."""
    channels: NDArray[np.int64]
    """(k,): those that vary most in one tile, the most first."""
    maps: NDArray[np.float32]
    """(k, h, w): what they answer to it."""
    responsive: NDArray[np.int64]
    """(k,): those that vary most in many tiles, the most first."""
    pictures: NDArray[np.uint8]
    """(k, side, side, 1 or 3): what they respond to, in pixels."""


@dataclass(frozen=True)
class Insight:
    """A tile, and what the layers of a classifier make of it and of any picture."""

    tile: NDArray[np.uint8]
    """(side, side, 1 or 3)."""
    layers: Sequence[Layer]
    """From the finest map to the coarsest."""
