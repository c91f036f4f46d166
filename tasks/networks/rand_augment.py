"""RandAugment (Cubuk et al., arXiv:1909.13719), in operations that XLA compiles.

Each image gets a number of operations, drawn from the paper's fourteen; the magnitude sets how strong all of them are.
Those that move pixels become affine maps, so that they are one map with all others of a tile. Those that change colours
are computed for a whole batch as one sum, with factors that leave the other images unchanged.
"""

import math
from typing import Any

import keras
from keras import ops

from tasks.networks.affine import AffineMap
from tasks.networks.scaling import BRIGHTEST

OPERATIONS = (
    "identity",
    "rotate",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
    "autocontrast",
    "equalize",
    "solarize",
    "posterize",
    "color",
    "contrast",
    "brightness",
    "sharpness",
)
_ROTATE_DEG, _SHEAR, _TRANSLATE = 30, 0.3, 0.45
"""The largest rotation, shear, and shift as a share of the side; in either direction."""
_ENHANCE = 0.9
"""Colour, contrast, brightness and sharpness are multiplied by 1 - 0.9 or 1 + 0.9 at the largest magnitude."""
_LEVELS = 256
_POSTERIZED_BITS = 4
"""Bits that posterizing takes away at the largest magnitude."""
_LUMA = (0.299, 0.587, 0.114)
_HISTOGRAM_PX = 64
"""A histogram is taken of at most so many rows and columns of an image, evenly spread."""


class Draw:
    """The operation that each of n images gets in one round, and its direction."""

    def __init__(self, chosen: Any, direction: Any, magnitude: float) -> None:
        """Define the operations.

        Args:
            chosen: positions in OPERATIONS, int `(n,)`.
            direction: -1 or 1, float32 `(n,)`.
            magnitude: the strength of the operations, 0..1.
        """
        self._chosen, self._direction, self._magnitude = chosen, direction, magnitude

    @classmethod
    def random(cls, count: Any, magnitude: float, seed: keras.random.SeedGenerator) -> "Draw":
        """Draw the operations of `count` images."""
        both = keras.random.uniform((count, 2), 0, 1, seed=seed)
        chosen = ops.minimum(ops.cast(ops.floor(both[:, 0] * len(OPERATIONS)), "int32"), len(OPERATIONS) - 1)
        return cls(chosen, ops.where(both[:, 1] < 0.5, -1.0, 1.0), magnitude)

    def affine_map(self, height: int, width: int) -> AffineMap:
        """Return the map of the operations that move pixels; the others leave them where they are."""
        turn = self._signed("rotate", math.radians(_ROTATE_DEG))
        return AffineMap(
            ops.cos(turn),
            self._signed("shear_x", _SHEAR) - ops.sin(turn),
            self._signed("shear_y", _SHEAR) + ops.sin(turn),
            ops.cos(turn),
            self._signed("translate_x", _TRANSLATE * width),
            self._signed("translate_y", _TRANSLATE * height),
        )

    def recolour(self, images: Any) -> Any:
        """Apply the operations that change colours.

        Args:
            images: RGB, whole numbers 0..255 as float32 `(n, h, w, 3)`.

        Returns:
            Images of the same kind.
        """
        x = self._enhanced(images)
        threshold = ops.where(self._is("solarize"), _LEVELS * (1 - self._magnitude), _LEVELS)
        x = ops.where(x >= _per_image(threshold), BRIGHTEST - x, x)
        step = _per_image(ops.where(self._is("posterize"), 2.0 ** round(_POSTERIZED_BITS * self._magnitude), 1.0))
        x = ops.floor(x / step) * step
        return ops.where(_per_image(self._is("equalize")), _equalized(x), x)

    def _enhanced(self, images: Any) -> Any:
        """Compute brightness, contrast, colour, sharpness and autocontrast as one weighted sum."""
        factor = 1 + _ENHANCE * self._magnitude * self._direction
        grey = ops.sum(images * ops.convert_to_tensor(_LUMA, "float32"), axis=-1, keepdims=True)
        darkest, brightest = (f(images, axis=(1, 2), keepdims=True) for f in (ops.min, ops.max))
        stretch = ops.where(brightest > darkest, BRIGHTEST / ops.maximum(brightest - darkest, 1), 1.0)
        is_auto = _per_image(self._is("autocontrast"))
        is_stretched = is_auto & (brightest > darkest)
        is_enhanced = self._is("brightness") | self._is("contrast") | self._is("color") | self._is("sharpness")
        own = ops.where(is_stretched, stretch, _per_image(ops.where(is_enhanced, factor, 1.0)))
        x = own * images - ops.where(is_stretched, stretch * darkest, 0.0)
        x += self._rest("color", factor) * grey
        x += self._rest("contrast", factor) * ops.mean(grey, axis=(1, 2), keepdims=True)
        x += self._rest("sharpness", factor) * _smooth(images)
        return ops.round(ops.clip(x, 0, BRIGHTEST))

    def _rest(self, name: str, factor: Any) -> Any:
        """Return 1 - factor for the images that get an operation, 0 for the others."""
        return _per_image(ops.where(self._is(name), 1 - factor, 0.0))

    def _is(self, name: str) -> Any:
        return self._chosen == OPERATIONS.index(name)

    def _signed(self, name: str, largest: float) -> Any:
        return ops.where(self._is(name), largest * self._magnitude * self._direction, 0.0)


def _per_image(values: Any) -> Any:
    return ops.reshape(values, (-1, 1, 1, 1))


def _smooth(images: Any) -> Any:
    """Blur as Pillow's filter SMOOTH does: the mean of 3 x 3 pixels, in which the pixel itself counts five times."""
    return (9 * ops.average_pool(images, 3, 1, padding="same") + 4 * images) / 13


def _equalized(images: Any) -> Any:
    """Spread each channel's levels evenly, by its histogram."""
    height, width, channels = images.shape[1:]
    count = ops.shape(images)[0]
    first = ops.reshape(ops.arange(count * channels, dtype="int32") * _LEVELS, (-1, 1, 1, channels))
    place = first + ops.cast(images, "int32")  # of each value in all histograms
    seen = ops.reshape(place[:, :: -(-height // _HISTOGRAM_PX), :: -(-width // _HISTOGRAM_PX)], (-1,))
    ones = ops.ones_like(seen, dtype="float32")
    histogram = ops.reshape(ops.segment_sum(ones, seen, count * channels * _LEVELS), (-1, _LEVELS))
    below = ops.cumsum(histogram, axis=1) - histogram
    levels = ops.arange(_LEVELS, dtype="float32")[None]
    last = ops.max(ops.where(histogram > 0, levels, 0.0), axis=1, keepdims=True)
    before_last = ops.sum(ops.where(levels < last, histogram, 0.0), axis=1, keepdims=True)
    step = ops.floor(before_last / BRIGHTEST)  # whole numbers, as in Pillow
    spread = ops.clip(ops.floor((below + ops.floor(step / 2)) / ops.maximum(step, 1)), 0, BRIGHTEST)
    new = ops.where(step > 0, spread, levels)  # an image of one level, or a tiny one, stays as it is
    return ops.take(ops.reshape(new, (-1,)), place, axis=0)
