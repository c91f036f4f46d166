"""Corruptions of photos: blur, JPEG, noise and shifts, each in two strengths.

After Hendrycks and Dietterich, "Benchmarking neural network robustness to common corruptions and perturbations",
arXiv:1903.12261. They are applied to the tiles, so blur and shifts are measured in shares of the tile's side.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Tiles = NDArray[np.uint8]


class Corruption(NamedTuple):
    """A corruption of one strength."""

    name: str
    """As users see it."""
    strength: str
    apply: Callable[[Tiles], Tiles]
    """From tiles (n, side, side, 1 or 3) to tiles of the same shape."""


def corruptions(seed: int) -> list[Corruption]:
    """List all corruptions; `seed` is that of the noise and the directions of the shifts."""
    side, white = "{:g} % of the side", "{:g} % of white"
    return [
        *(Corruption("blur", side.format(s * 100), partial(blurred, share=s)) for s in (0.01, 0.025)),
        *(Corruption("JPEG", f"quality {quality}", partial(as_jpeg, quality=quality)) for quality in (25, 8)),
        *(Corruption("noise", white.format(s * 100), partial(noisy, share=s, seed=seed)) for s in (0.06, 0.15)),
        *(Corruption("shift", side.format(s * 100), partial(shifted, share=s, seed=seed)) for s in (0.04, 0.1)),
    ]


def blurred(tiles: Tiles, share: float) -> Tiles:
    """Blur tiles by a Gaussian whose standard deviation is a share of the side."""
    import cv2

    deviation_px = share * tiles.shape[1]
    return _each(tiles, lambda tile: cv2.GaussianBlur(tile, (0, 0), deviation_px))


def as_jpeg(tiles: Tiles, quality: int) -> Tiles:
    """Compress tiles as JPEG of a quality, 1 to 100, and decode them again."""
    import cv2

    def through_jpeg(tile: Tiles) -> Tiles:
        colour = cv2.IMREAD_COLOR if tile.shape[-1] == 3 else cv2.IMREAD_GRAYSCALE
        data = cv2.imencode(".jpg", tile[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return np.asarray(cv2.imdecode(data, colour), np.uint8).reshape(tile.shape)[..., ::-1]

    return _each(tiles, through_jpeg)


def noisy(tiles: Tiles, share: float, seed: int) -> Tiles:
    """Add Gaussian noise whose standard deviation is a share of white."""
    noise = np.random.default_rng(seed).normal(0, share * 255, tiles.shape)
    return np.asarray(np.clip(np.rint(tiles + noise), 0, 255), np.uint8)


def shifted(tiles: Tiles, share: float, seed: int) -> Tiles:
    """Shift tiles by a share of the side, each in a random direction; the border's pixels fill the gap."""
    import cv2

    angles = iter(np.random.default_rng(seed).uniform(0, 2 * np.pi, len(tiles)))

    def moved(tile: Tiles) -> Tiles:
        angle = next(angles)
        right, down = share * len(tile) * np.cos(angle), share * len(tile) * np.sin(angle)
        return np.asarray(
            cv2.warpAffine(
                tile,
                np.array([[1, 0, right], [0, 1, down]]),
                tile.shape[1::-1],
                flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            ),
            np.uint8,
        )

    return _each(tiles, moved)


def _each(tiles: Tiles, change: Callable[[Tiles], NDArray[np.generic]]) -> Tiles:
    if not len(tiles):
        return tiles
    return np.stack([np.asarray(change(np.ascontiguousarray(tile)), np.uint8).reshape(tile.shape) for tile in tiles])
