"""Augmentation layers: random changes of a training batch, computed on the device of the network."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from configs.schema import AugmentConfig

BRIGHTEST = 255
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
    changed: NDArray[np.uint8] = ops.convert_to_numpy(Augment(alone, 0)(tiles, draws))
    return changed


class Augment(keras.layers.Layer):
    """Changes tiles, uint8 `(n, h, w, c)`; shape, dtype and range stay the same.

    Flip, rotation, shift, zoom and shear are one affine map for each tile, so that pixels are interpolated once.
    RandAugment follows (Cubuk et al., arXiv:1909.13719), on tiles with three channels.
    """

    def __init__(self, config: AugmentConfig, seed: int) -> None:
        """Configure the layer.

        Args:
            config: kinds and sizes of the changes.
            seed: seed of the layer's random numbers.
        """
        super().__init__(name="augment", trainable=False, dtype="float32")
        self._config = config
        self._random = keras.random.SeedGenerator(seed)
        self.supports_jit = keras.backend.backend() != "tensorflow"  # its XLA has no affine transform
        self._transforms = config.flip != "none" or any(
            (config.rotate_deg, config.shift, config.zoom, config.shear_deg)
        )
        self._rand_augment = (
            keras.layers.RandAugment((0, BRIGHTEST), config.rand_augment, config.magnitude, seed=seed)
            if config.rand_augment
            else None
        )

    def call(self, tiles: Any, draws: Any = None) -> Any:
        """Change each tile independently.

        Args:
            tiles: uint8 `(n, h, w, c)`.
            draws: numbers from -1 to 1, float32 `(n, DRAWS)`, that decide the affine maps; None: random ones.
        """
        x = ops.cast(tiles, "float32")
        if self._transforms:
            if draws is None:
                draws = keras.random.uniform((ops.shape(x)[0], DRAWS), -1, 1, seed=self._random)
            x = ops.image.affine_transform(
                x,
                self._affine_maps(draws, x.shape[1], x.shape[2]),
                "bilinear",
                fill_mode=self._config.fill,
            )
        if self._rand_augment is not None and x.shape[-1] == RGB_CHANNELS:
            x = self._rand_augment(x, training=True)
        return ops.cast(ops.round(ops.clip(x, 0, BRIGHTEST)), "uint8")

    def _affine_maps(self, draws: Any, height: int, width: int) -> Any:
        """Compute maps `(n, 8)` from output to input pixels: x = a0 x' + a1 y' + a2, y = a3 x' + a4 y' + a5."""
        config = self._config
        turned, sheared, zoomed, mirrored_x, mirrored_y, shifted_x, shifted_y = ops.unstack(draws, DRAWS, axis=1)
        turn = math.radians(config.rotate_deg) * turned
        shear = ops.tan(math.radians(config.shear_deg) * sheared)
        zoom = 1 / (1 + config.zoom * zoomed)
        across = zoom * (_sign(mirrored_x) if config.flip in ("horizontal", "both") else 1)
        down = zoom * (_sign(mirrored_y) if config.flip in ("vertical", "both") else 1)
        a0, a1 = across * ops.cos(turn), down * (shear * ops.cos(turn) - ops.sin(turn))
        a3, a4 = across * ops.sin(turn), down * (shear * ops.sin(turn) + ops.cos(turn))
        centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
        a2 = centre_x - a0 * centre_x - a1 * centre_y + width * config.shift * shifted_x
        a5 = centre_y - a3 * centre_x - a4 * centre_y + height * config.shift * shifted_y
        zeros = ops.zeros_like(a0)
        return ops.stack([a0, a1, a2, a3, a4, a5, zeros, zeros], axis=1)


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
        self.supports_jit = keras.backend.backend() != "tensorflow"  # its XLA cannot draw from a Beta distribution
        self._mixup = mixup
        self._cutmix = cutmix
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
        boxes = self._cutmix if axes == 3 else 0.0
        blended = boxed = None
        if self._mixup:
            blended = ops.reshape(self._beta(count, self._mixup), (count, *[1] * axes))
        if boxes:
            boxed = self._outside(self._beta(count, boxes), count, x.shape[1], x.shape[2])
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

    def _beta(self, count: Any, alpha: float) -> Any:
        return keras.random.beta((count,), alpha, alpha, seed=self._random)
