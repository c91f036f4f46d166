"""Make tiles with TensorFlow operations, for models that are used without fluke.

Gives the same pixels as `tasks.images.tiles.make_tile` with OpenCV, except for rounding: few pixels differ by 1.
In a `tf.function`, AutoGraph turns the `if` statements on tensors into operations.
"""

import math

import tensorflow as tf

from configs.schema import PreprocessConfig
from tasks.images.tiles import LINEAR_BELOW
from tasks.inference.export.tf_decode import decode

_GREY = (9798, 19235, 3735)
"""Weights of red, green and blue, in units of 2^-15: ITU-R BT.601 as OpenCV rounds it."""
_CUBIC = -0.75
"""The parameter a of Keys' cubic kernel, as in OpenCV."""
_ONE = 1 << 11
"""The sum of the weights of a linear interpolation, in integers as in OpenCV."""


@tf.function  # type: ignore[untyped-decorator]
def tiles_of(photos: tf.Tensor, config: PreprocessConfig) -> tf.Tensor:
    """Make tiles `(n, side, side, 1 or 3)`, uint8, of the contents of photo files, strings `(n,)`."""
    shape = (config.side_px, config.side_px, 1 if config.colour == "grey" else 3)

    def tile(photo: tf.Tensor) -> tf.Tensor:
        return tile_of(photo, config)

    return tf.map_fn(tile, photos, fn_output_signature=tf.TensorSpec(shape, tf.uint8))


def tile_of(photo: tf.Tensor, config: PreprocessConfig) -> tf.Tensor:
    """Make the tile `(side, side, 1 or 3)`, uint8, of the content of a photo file, a scalar string."""
    width, height = config.crop[2] - config.crop[0], config.crop[3] - config.crop[1]
    at_least_px = math.ceil(2 * config.side_px / min(width, height))
    pixels = decode(photo, at_least_px=at_least_px, longer_side=config.fit == "pad", grey=config.colour == "grey")
    return make_tile(pixels, config)


def make_tile(photo: tf.Tensor, config: PreprocessConfig) -> tf.Tensor:
    """Make a tile of decoded pixels.

    The photo is cropped, converted to grey if configured, resized (shrunk by area averages, or linearly if it hardly
    shrinks, and enlarged by cubic interpolation), and made square as `config.fit` says.

    Args:
        photo: RGB pixels (h, w, 3), uint8.
        config: The section of the preprocess stage.

    Returns:
        (side, side, 1 or 3), uint8.
    """
    left, top, right, bottom = config.crop
    photo = photo[_part(tf.shape(photo)[0], top, bottom), _part(tf.shape(photo)[1], left, right)]
    if config.fit == "cut":
        short = tf.minimum(tf.shape(photo)[0], tf.shape(photo)[1])
        above, before = (tf.shape(photo)[0] - short) // 2, (tf.shape(photo)[1] - short) // 2
        photo = photo[above : above + short, before : before + short]
    if config.colour == "grey":
        photo = (tf.reduce_sum(tf.cast(photo, tf.int32) * _GREY, axis=-1, keepdims=True) + (1 << 14)) // (1 << 15)
    if config.levels == "min_max":
        photo = _spread(tf.cast(photo, tf.int32))
    if config.fit != "pad":
        side = tf.constant(config.side_px)
        squares = tf.cast(photo, tf.float32)
        if config.fit == "stretch":  # one side may become shorter, and the other one longer
            squares = _resized(squares, tf.minimum(tf.shape(photo)[0], side), tf.minimum(tf.shape(photo)[1], side))
        squares = tf.cast(_resized(squares, side, side), tf.uint8)
        return tf.ensure_shape(squares, (config.side_px, config.side_px, 1 if config.colour == "grey" else 3))
    tall, wide = tf.shape(photo)[0], tf.shape(photo)[1]
    scale = config.side_px / tf.cast(tf.maximum(tall, wide), tf.float64)
    height, width = _scaled(tall, scale), _scaled(wide, scale)
    resized = _resized(tf.cast(photo, tf.float32), height, width)
    above, before = (config.side_px - height) // 2, (config.side_px - width) // 2
    bars = [[above, config.side_px - height - above], [before, config.side_px - width - before], [0, 0]]
    return tf.pad(tf.cast(resized, tf.uint8), bars, constant_values=config.pad_value)


def _spread(photo: tf.Tensor) -> tf.Tensor:
    """`tasks.images.tiles.spread` of pixels `(h, w, c)`, int32."""
    darkest, brightest = tf.reduce_min(photo, (0, 1)), tf.reduce_max(photo, (0, 1))
    span = tf.maximum(brightest - darkest, 1)
    stretched = (2 * 255 * (photo - darkest) + span) // (2 * span)
    return tf.where(brightest > darkest, stretched, photo)


def _part(length: tf.Tensor, start: float, stop: float) -> slice:
    """Select the pixels between two fractions of a side, at least one pixel."""
    length = tf.cast(length, tf.float64)
    first = tf.cast(start * length, tf.int32)
    return slice(first, tf.maximum(tf.cast(stop * length, tf.int32), first + 1))


def _scaled(length: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    return tf.maximum(1, tf.cast(tf.round(tf.cast(length, tf.float64) * scale), tf.int32))


def _resized(photo: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """Resize pixels `(h, w, c)`, float32, to `(height, width, c)`: integers 0..255, float32."""
    tall, wide = tf.shape(photo)[0], tf.shape(photo)[1]
    side, longer = tf.maximum(height, width), tf.maximum(tall, wide)
    if side < longer < tf.cast(tf.math.ceil(LINEAR_BELOW * tf.cast(side, tf.float64)), tf.int32):
        resized = tf.cast(_interpolated(tf.cast(photo, tf.int32), height, width), tf.float32)
    elif side < longer:
        resized = tf.image.resize(photo[None], (height, width), "area")[0]
    else:
        resized = _transposed(_enlarged(_transposed(_enlarged(photo, height)), width))
    if tall == 2 * height and wide == 2 * width:  # OpenCV computes this case in integers and rounds halves up
        resized = tf.floor(resized + 0.5)
    return tf.clip_by_value(tf.round(resized), 0, 255)


def _interpolated(photo: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """Interpolate pixels `(h, w, c)`, int32, linearly to `(height, width, c)`, in integers as OpenCV does.

    See `VResizeLinear` in OpenCV's resize.cpp: the columns' sums lose 4 bits before they are weighted.
    """
    left, right, weights = _linear_weights(tf.shape(photo)[1], width)
    columns = tf.gather(photo, left, axis=1) * (_ONE - weights)[:, None]
    columns += tf.gather(photo, right, axis=1) * weights[:, None]
    above, below, weights = _linear_weights(tf.shape(photo)[0], height)
    weights = weights[:, None, None]
    rows = tf.bitwise.right_shift((_ONE - weights) * tf.bitwise.right_shift(tf.gather(columns, above), 4), 16)
    rows += tf.bitwise.right_shift(weights * tf.bitwise.right_shift(tf.gather(columns, below), 4), 16)
    return tf.bitwise.right_shift(rows + 2, 2)


def _linear_weights(length: tf.Tensor, count: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return which two of `length` pixels make each of `count`, and the weight of the second in units of 1 / _ONE."""
    at = tf.cast((tf.range(tf.cast(count, tf.float64)) + 0.5) * (length / count) - 0.5, tf.float32)
    at = tf.clip_by_value(at, 0, tf.cast(length - 1, tf.float32))
    first = tf.floor(at)
    weight = tf.cast(tf.round((at - first) * _ONE), tf.int32)
    before = tf.cast(first, tf.int32)
    return before, tf.minimum(before + 1, length - 1), weight


def _transposed(pixels: tf.Tensor) -> tf.Tensor:
    """Exchange rows and columns."""
    return tf.transpose(pixels, (1, 0, 2))


def _enlarged(rows: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Interpolate rows `(h, w, c)`, float32, to `(count, w, c)`.

    After R. Keys, "Cubic convolution interpolation for digital image processing", 1981, with a = -0.75 as OpenCV;
    TensorFlow's own bicubic interpolation has a = -0.5. Outside the image, the row at the edge is repeated.
    """
    length = tf.shape(rows)[0]
    centre = (tf.range(tf.cast(count, tf.float64)) + 0.5) * (length / count) - 0.5
    first = tf.floor(centre)
    after = centre - first
    outer = [((_CUBIC * x - 5 * _CUBIC) * x + 8 * _CUBIC) * x - 4 * _CUBIC for x in (1 + after, 2 - after)]
    inner = [((_CUBIC + 2) * x - (_CUBIC + 3)) * x * x + 1 for x in (after, 1 - after)]
    enlarged = tf.zeros((), tf.float32)
    for place, weight in enumerate((outer[0], *inner, outer[1])):
        near = tf.gather(rows, tf.clip_by_value(tf.cast(first, tf.int32) + place - 1, 0, length - 1))
        enlarged += tf.cast(weight, tf.float32)[:, None, None] * near
    return enlarged
