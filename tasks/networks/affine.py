"""Affine maps of images, in operations that XLA compiles."""

from typing import Any, Literal, NamedTuple

import keras
from keras import ops

Fill = Literal["nearest", "reflect", "constant"]


class AffineMap(NamedTuple):
    """For each of n images, the way from an output pixel p to the input pixel A (p - c) + c + t; c is the centre.

    All fields are floats `(n,)`; A is ((a, b), (d, e)), and t is (x, y), in pixels.
    """

    a: Any
    b: Any
    d: Any
    e: Any
    x: Any
    y: Any

    def then(self, later: "AffineMap") -> "AffineMap":
        """Return the map of an image that is changed by this map, and its result by another."""
        return AffineMap(
            self.a * later.a + self.b * later.d,
            self.a * later.b + self.b * later.e,
            self.d * later.a + self.e * later.d,
            self.d * later.b + self.e * later.e,
            self.a * later.x + self.b * later.y + self.x,
            self.d * later.x + self.e * later.y + self.y,
        )

    def coefficients(self, height: int, width: int) -> Any:
        """Return `(n, 8)` as `keras.ops.image.affine_transform` takes them: input x = a0 x + a1 y + a2, and so on."""
        centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
        a2 = centre_x - self.a * centre_x - self.b * centre_y + self.x
        a5 = centre_y - self.d * centre_x - self.e * centre_y + self.y
        zeros = ops.zeros_like(self.a)
        return ops.stack([self.a, self.b, a2, self.d, self.e, a5, zeros, zeros], axis=1)


def transform(images: Any, maps: AffineMap, fill: Fill, *, compiled: bool) -> Any:
    """Change images by affine maps, with bilinear interpolation.

    Args:
        images: uint8 or floats `(n, h, w, c)`.
        maps: one for each image.
        fill: what is outside an image: its nearest pixel, its mirror image with the border's pixels repeated, or 0.
        compiled: whether XLA compiles the operations. TensorFlow's kernel is the fastest on a CPU, but has no XLA
            version. Other backends have no such kernel.

    Returns:
        float32 `(n, h, w, c)`.
    """
    coefficients = maps.coefficients(*images.shape[1:3])
    if keras.backend.backend() == "tensorflow" and not compiled:
        return ops.image.affine_transform(ops.cast(images, "float32"), coefficients, "bilinear", fill_mode=fill)
    return _gathered(images, coefficients, fill)


def _gathered(images: Any, coefficients: Any, fill: Fill) -> Any:
    """Read the four pixels around each place, and average them."""
    height, width, channels = images.shape[1:]
    a0, a1, a2, a3, a4, a5 = (coefficients[:, i, None, None] for i in range(6))
    columns = ops.arange(width, dtype="float32")[None, None]
    rows = ops.arange(height, dtype="float32")[None, :, None]
    x = _folded(a0 * columns + a1 * rows + a2, width, fill)
    y = _folded(a3 * columns + a4 * rows + a5, height, fill)
    left, top = ops.floor(x), ops.floor(y)
    flat = ops.reshape(images, (-1, channels))
    first = (ops.arange(ops.shape(images)[0], dtype="int32") * (height * width))[:, None, None]

    def read(row: Any, column: Any, share: Any) -> Any:
        if fill == "constant":
            is_inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            share = share * ops.cast(is_inside, "float32")
        row, column = (ops.cast(ops.clip(i, 0, n - 1), "int32") for i, n in ((row, height), (column, width)))
        pixels = ops.take(flat, first + row * width + column, axis=0)
        return share[..., None] * ops.cast(pixels, "float32")

    right, down = x - left, y - top
    upper = read(top, left, (1 - down) * (1 - right)) + read(top, left + 1, (1 - down) * right)
    lower = read(top + 1, left, down * (1 - right)) + read(top + 1, left + 1, down * right)
    return upper + lower


def _folded(places: Any, length: int, fill: Fill) -> Any:
    """Move places outside 0 .. length - 1 to where their pixel is, as TensorFlow's kernel does."""
    if fill == "constant":
        return ops.clip(places, -1, length)
    if fill == "reflect":
        places = ops.mod(places, 2 * length)
        places = ops.where(places >= length, 2 * length - 1 - places, places)
    return ops.clip(places, 0, length - 1)
