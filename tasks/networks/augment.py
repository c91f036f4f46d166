"""Augmentation layers: random changes of a training batch, computed on the device of the network."""

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from configs.schema import AugmentConfig, GeometryConfig
from tasks.networks.affine import AffineMap, transform
from tasks.networks.forward import BATCH_ROWS, fill_up
from tasks.networks.rand_augment import Draw
from tasks.networks.scaling import BRIGHTEST

_QUANTILES = 4097
DRAWS = 7
"""Random numbers that decide the affine map of a tile."""
RGB_CHANNELS = 3
"""RandAugment changes only tiles with three channels."""


def augment_tiles(tiles: NDArray[np.uint8], config: AugmentConfig, seeds: Sequence[int]) -> NDArray[np.uint8]:
    """Flip, rotate, shift, zoom and shear tiles, as in training.

    Args:
        tiles: `(n, h, w, c)`.
        config: sizes of the changes.
        seeds: one for each tile, so that its change doesn't depend on the other tiles.

    Returns:
        Changed tiles, of the same shape.
    """
    draws = np.stack([np.random.default_rng(seed).uniform(-1, 1, DRAWS) for seed in seeds]).astype(np.float32)
    alone = config.model_copy(update={"rand_augment": 0})  # its random numbers are drawn for all tiles together
    augment = Augment(alone, 0)
    changed = np.empty_like(tiles)
    for start in range(0, len(tiles), BATCH_ROWS):  # all of one shape, so that the last one compiles nothing
        part = slice(start, start + BATCH_ROWS)
        filled = (fill_up(each[part], BATCH_ROWS) for each in (tiles, draws))
        changed[part] = ops.convert_to_numpy(augment(*filled))[: len(tiles[part])]
    return changed


class Augment(keras.layers.Layer):
    """Changes tiles, uint8 `(n, h, w, c)`, or an autoencoder's codes, floats.

    Flip, rotation, shift, zoom and shear are one affine map for each tile, together with what RandAugment moves, so
    that pixels are interpolated once. RandAugment's changes of colours follow. It changes only tiles with three
    channels. Codes have no colours and no brightest value: only the affine map changes them, and nothing is rounded or
    clipped; what comes from outside has the border's value or 0, see `fill`. All of it can be compiled by XLA.
    """

    def __init__(self, config: GeometryConfig, seed: int, *, compiled: bool = False) -> None:
        """Configure the layer.

        Args:
            config: kinds and sizes of the changes; RandAugment only if it is an AugmentConfig.
            seed: seed of the layer's random numbers.
            compiled: whether XLA compiles it, see `affine.transform`.
        """
        super().__init__(name="augment", trainable=False, dtype="float32")
        self._config = config
        self._compiled = compiled
        self._random = keras.random.SeedGenerator(seed)
        self._transforms = config.flip != "none" or any(
            (config.rotate_deg, config.shift, config.zoom, config.shear_deg)
        )

    def call(self, tiles: Any, draws: Any = None) -> Any:
        """Change each tile independently.

        Args:
            tiles: uint8 or floats `(n, h, w, c)`.
            draws: numbers from -1 to 1, float32 `(n, DRAWS)`, that decide the affine maps; None: random ones.

        Returns:
            As tiles; codes as float32.
        """
        config, count = self._config, ops.shape(tiles)[0]
        height, width, channels = tiles.shape[1:]
        is_tiles = keras.backend.standardize_dtype(tiles.dtype) == "uint8"
        maps = []
        if self._transforms:
            if draws is None:
                draws = keras.random.uniform((count, DRAWS), -1, 1, seed=self._random)
            maps.append(self._affine_map(draws, height, width))
        chosen: list[Draw] = []
        if isinstance(config, AugmentConfig) and channels == RGB_CHANNELS and is_tiles:
            chosen = [Draw.random(count, config.magnitude, self._random) for _ in range(config.rand_augment)]
        maps += [draw.affine_map(height, width) for draw in chosen]
        if not maps:
            return tiles
        x = transform(tiles, reduce(AffineMap.then, maps), config.fill, compiled=self._compiled)
        if not is_tiles:
            return x
        x = ops.round(ops.clip(x, 0, BRIGHTEST))
        for draw in chosen:
            x = draw.recolour(x)
        return ops.cast(x, "uint8")

    def _affine_map(self, draws: Any, height: int, width: int) -> AffineMap:
        config = self._config
        turned, sheared, zoomed, mirrored_x, mirrored_y, shifted_x, shifted_y = ops.unstack(draws, DRAWS, axis=1)
        turn = math.radians(config.rotate_deg) * turned
        shear = ops.tan(math.radians(config.shear_deg) * sheared)
        zoom = 1 / (1 + config.zoom * zoomed)
        across = zoom * (_sign(mirrored_x) if config.flip in ("horizontal", "both") else 1)
        down = zoom * (_sign(mirrored_y) if config.flip in ("vertical", "both") else 1)
        return AffineMap(
            across * ops.cos(turn),
            down * (shear * ops.cos(turn) - ops.sin(turn)),
            across * ops.sin(turn),
            down * (shear * ops.sin(turn) + ops.cos(turn)),
            width * config.shift * shifted_x,
            height * config.shift * shifted_y,
        )


def _sign(values: Any) -> Any:
    return ops.sign(values + 1e-9)


class Mix(keras.layers.Layer):
    """Mixes pairs of rows of a batch, and their labels; row i is mixed with row n - 1 - i.

    MixUp blends the rows (Zhang et al., arXiv:1710.09412); CutMix pastes a box of one into the other (Yun et al.,
    arXiv:1905.04899). If both are set, one of them is chosen at random for each batch.
    """

    def __init__(self, mixup: float, cutmix: float, seed: int) -> None:
        """Configure the layer.

        Args:
            mixup: parameter of MixUp's Beta distribution; 0 disables it.
            cutmix: parameter of CutMix's Beta distribution; 0 disables it.
            seed: seed of the layer's random numbers.
        """
        super().__init__(name="mix", trainable=False, dtype="float32")
        self._mixup = _quantiles(mixup) if mixup else None
        self._cutmix = _quantiles(cutmix) if cutmix else None
        self._random = keras.random.SeedGenerator(seed)

    def call(self, rows: Any, targets: Any, weights: Any) -> tuple[Any, Any, Any]:
        """Mix a batch.

        Args:
            rows: `(n, h, w, c)`; or `(n, d)`, which CutMix leaves unchanged.
            targets: float `(n, classes)`; each row sums to 1.
            weights: float `(n,)`, the weight of each row's label, also in a mixture.

        Returns:
            Mixed rows with the same dtype, targets and weights.
        """
        x = ops.cast(rows, "float32")
        share = self._shares(x)
        x = share * x + (1 - share) * ops.flip(x, axis=0)
        if "int" in keras.backend.standardize_dtype(rows.dtype):
            x = ops.round(x)
        own = ops.mean(ops.reshape(share, (ops.shape(x)[0], -1)), axis=1, keepdims=True)
        counted = targets * weights[:, None]
        mixed = own * counted + (1 - own) * ops.flip(counted, axis=0)
        total = ops.sum(mixed, axis=1)
        return ops.cast(x, rows.dtype), mixed / ops.maximum(total, 1e-9)[:, None], total

    def _shares(self, x: Any) -> Any:
        """Draw each row's share of its mixture: `(n, 1, 1, 1)` or, with boxes, `(n, h, w, 1)`."""
        count, axes = ops.shape(x)[0], len(x.shape) - 1
        blended = boxed = None
        if self._mixup is not None:
            blended = ops.reshape(self._beta(count, self._mixup), (count, *[1] * axes))
        if self._cutmix is not None and axes == 3:
            boxed = self._outside(self._beta(count, self._cutmix), count, x.shape[1], x.shape[2])
        if blended is None and boxed is None:  # CutMix alone, of vectors
            return ops.ones((count, *[1] * axes))
        if blended is None or boxed is None:
            return boxed if blended is None else blended
        blend = keras.random.uniform((), seed=self._random) < 0.5
        return ops.where(blend, ops.broadcast_to(blended, ops.shape(boxed)), boxed)

    def _outside(self, share: Any, count: Any, height: int, width: int) -> Any:
        """Draw masks `(n, h, w, 1)`: 0 inside a random box of area 1 - share, 1 outside."""
        size = ops.sqrt(1 - share)

        def inside(side: int) -> Any:
            centre = keras.random.uniform((count,), 0, side, seed=self._random)[:, None]
            half = (size * side / 2)[:, None]
            return ops.abs(ops.arange(side, dtype="float32")[None] + 0.5 - centre) < half

        box = ops.logical_and(inside(height)[:, :, None], inside(width)[:, None, :])
        return ops.cast(ops.logical_not(box), "float32")[..., None]

    def _beta(self, count: Any, quantiles: NDArray[np.float32]) -> Any:
        """Draw from a Beta distribution by its quantiles: no backend's own way to do it is compiled by all of XLA."""
        place = keras.random.uniform((count,), 0, len(quantiles) - 1, seed=self._random)
        below = ops.clip(ops.floor(place), 0, len(quantiles) - 2)
        table, index, share = ops.convert_to_tensor(quantiles), ops.cast(below, "int32"), place - below
        return (1 - share) * ops.take(table, index) + share * ops.take(table, index + 1)


def _quantiles(alpha: float) -> NDArray[np.float32]:
    """Return evenly spaced quantiles of Beta(alpha, alpha)."""
    from scipy.stats import beta

    return np.asarray(beta.ppf(np.linspace(0, 1, _QUANTILES), alpha, alpha), np.float32)
