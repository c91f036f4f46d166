"""Random damage to the input of a denoising autoencoder; the target stays whole."""

from typing import Any

import keras
import numpy as np
from keras import ops

from configs.schema import PretrainConfig
from tasks.networks.scaling import BRIGHTEST

CELLS = 14
"""A side has so many cells that are hidden or shown, as in masked autoencoders (He et al., arXiv:2111.06377)."""
HIDDEN = 128
"""The brightness of hidden cells."""


class Corrupt(keras.layers.Layer):
    """Adds noise to tiles and hides cells of them, as `pretrain.noise` and `pretrain.mask` say."""

    def __init__(self, config: PretrainConfig) -> None:
        """Configure the layer."""
        super().__init__(name="corrupt", trainable=False, dtype="float32")
        self._noise, self._mask = config.noise * BRIGHTEST, config.mask
        self._random = keras.random.SeedGenerator(config.seed + 1)  # other numbers than those of the augmentation

    def call(self, tiles: Any) -> Any:
        """Change tiles, uint8 `(n, h, w, c)`; returns the same type and shape."""
        if not (self._noise or self._mask):
            return tiles
        x = ops.cast(tiles, "float32")
        if self._noise:
            x += keras.random.normal(ops.shape(x), stddev=self._noise, seed=self._random)
        if self._mask:
            cells = keras.random.uniform((ops.shape(x)[0], CELLS, CELLS, 1), seed=self._random)
            rows, columns = (np.arange(side) * CELLS // side for side in tiles.shape[1:3])
            hidden = ops.take(ops.take(cells, rows, axis=1), columns, axis=2) < self._mask
            x = ops.where(hidden, float(HIDDEN), x)
        return ops.cast(ops.round(ops.clip(x, 0, BRIGHTEST)), "uint8")
