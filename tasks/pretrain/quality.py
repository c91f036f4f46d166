"""How well an autoencoder gives back its tiles, beside codes of the same size: a resize, and a PCA of patches."""

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

BRIGHTEST = 255
_PATCHES = 20_000
_VALUES = 16_000_000
"""Most values of the patches that a PCA is fitted on, together."""
_DEAD_SHARE = 1e-6


def mean_squared_error(tiles: NDArray[np.uint8], copies: NDArray[np.floating[Any]]) -> float:
    """Compute the mean squared error of reconstructions, in units of full brightness.

    Args:
        tiles: `(n, h, w, c)`, 0..255.
        copies: the reconstructions, of the same shape; they are clipped to 0..255.

    Returns:
        The error, 0..1.
    """
    difference = (np.clip(copies, 0, BRIGHTEST) - tiles) / BRIGHTEST
    return float(np.mean(np.square(difference), dtype=np.float64))


def resized(tiles: NDArray[np.uint8], values: int) -> NDArray[np.float32]:
    """Shrink tiles and enlarge them again: the baseline for a code with as many values.

    Args:
        tiles: `(n, side, side, c)`.
        values: the smallest number of values of a shrunk tile; tiles with fewer values are not shrunk.

    Returns:
        Copies, float32 `(n, side, side, c)`, about 0..255. Shrinking averages areas; enlarging is cubic.
    """
    import cv2

    side, channels = tiles.shape[1], tiles.shape[3]
    small = min(side, math.ceil(math.sqrt(values / channels)))
    copies = np.empty(tiles.shape, np.float32)
    for tile, copy in zip(tiles, copies, strict=True):
        down = cv2.resize(tile.astype(np.float32), (small, small), interpolation=cv2.INTER_AREA)
        copy[:] = cv2.resize(down, (side, side), interpolation=cv2.INTER_CUBIC).reshape(copy.shape)
    return copies


@dataclass(frozen=True)
class PatchPCA:
    """A principal component analysis of square patches: the best linear code with as many values for each patch."""

    patch_px: int
    mean: NDArray[np.float32]
    """`(patch_px * patch_px * c,)`."""
    components: NDArray[np.float32]
    """`(k, patch_px * patch_px * c)`, orthonormal."""

    @classmethod
    def fit(cls, tiles: NDArray[np.uint8], patch_px: int, components: int, seed: int) -> Self:
        """Fit it on a sample of the patches of some tiles.

        Args:
            tiles: `(n, h, w, c)`, to learn from.
            patch_px: side of a patch: that of the part of a tile which one place of a code stands for.
            components: values of a patch's code; fewer if a patch, or the sample, has fewer.
            seed: decides the sample.
        """
        from sklearn.decomposition import PCA

        sample = _patches(tiles, patch_px)
        count = max(1, min(len(sample), _PATCHES, _VALUES // sample.shape[1]))
        chosen = np.random.default_rng(seed).choice(len(sample), count, replace=False)
        found = PCA(min(components, *sample[chosen].shape), random_state=seed).fit(sample[chosen].astype(np.float32))
        return cls(patch_px, found.mean_.astype(np.float32), found.components_.astype(np.float32))

    def copies(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Encode and decode tiles `(n, h, w, c)`; returns float32 of the same shape, about 0..255."""
        count, height, width, channels = tiles.shape
        side = self.patch_px
        patches = _patches(tiles, side).astype(np.float32) - self.mean
        rebuilt = (patches @ self.components.T) @ self.components + self.mean
        down, across = -(-height // side), -(-width // side)
        grid = rebuilt.reshape(count, down, across, side, side, channels).transpose(0, 1, 3, 2, 4, 5)
        return np.asarray(grid.reshape(count, down * side, across * side, channels)[:, :height, :width], np.float32)


def _patches(tiles: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Cut tiles into patches `(m, side * side * c)`; what is missing at the border repeats its pixels."""
    count, height, width, channels = tiles.shape
    padded = np.pad(tiles, ((0, 0), (0, -height % side), (0, -width % side), (0, 0)), mode="edge")
    down, across = padded.shape[1] // side, padded.shape[2] // side
    grid = padded.reshape(count, down, side, across, side, channels).transpose(0, 1, 3, 2, 4, 5)
    return grid.reshape(-1, side * side * channels)


def dead_channels(variances: NDArray[np.floating[Any]]) -> list[int]:
    """Return the numbers of the channels of codes that say nothing, as they are the same everywhere.

    Args:
        variances: of each channel over all places of the train photos' codes, `(c,)`.
    """
    least = max(_DEAD_SHARE * float(variances.max()), 1e-12)
    return np.flatnonzero(variances < least).tolist()


def is_better_than_resize(error: dict[str, float]) -> bool:
    """Return whether an autoencoder's error, as in error.json, is lower than that of a resize."""
    return error["autoencoder"] < error["resize"]
