"""Decode PNG with TensorFlow operations: pixels of 8 and 16 bits, transparency and orientation.

Gives the same pixels as `tasks.images.photos.decode`; the rules are explained in `tasks.images.value_range`.
"""

from typing import NamedTuple

import tensorflow as tf

from tasks.inference.export import tf_orientation

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB = 0, 2
"""Colour types, see PNG (third edition), 11.2.1. Only these have a transparent colour in the chunk tRNS."""
_BITS = (8, 10, 12, 14, 16)
_FEWEST_LEVELS, _FEWEST_LEVELS_OFF_ZERO = 16, 64
_OUTLIERS, _SAMPLE = 1000, 1_000_000


class _Chunks(NamedTuple):
    """The chunks that matter besides the pixels, scalar strings; empty if there is none."""

    exif: tf.Tensor
    xmp: tf.Tensor
    clear: tf.Tensor
    bits: tf.Tensor
    is_supported: tf.Tensor
    """bool; false if there are chunks that only fluke reads."""


def decode(photo: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode a PNG.

    Other formats that TensorFlow can decode are refused: an animated WebP makes TensorFlow 2.21 write outside its
    memory.

    Args:
        photo: The content of a PNG file, a scalar string.

    Returns:
        RGB pixels (h, w, 3), uint8, over white and not rotated; and the orientation, int32.

    Raises:
        InvalidArgumentError: The content is not a complete PNG file, or only fluke can decode it.
    """
    is_png = tf.strings.substr(photo, 0, len(_SIGNATURE)) == _SIGNATURE
    with tf.control_dependencies([tf.debugging.Assert(is_png, ["photos must be JPEG or PNG"])]):
        photo = tf.identity(photo)
    depth, colour = _byte(photo, 24), _byte(photo, 25)
    chunks = _read_chunks(photo)
    is_supported = chunks.is_supported and (depth >= 8 or colour != _GREY or chunks.clear == b"")
    message = "this PNG has compressed metadata or a transparent grey of less than 8 bits: convert it"
    with tf.control_dependencies([tf.debugging.Assert(is_supported, [message])]):
        photo = tf.identity(photo)
    if depth == 16:
        samples = tf.cast(tf.io.decode_png(photo, dtype=tf.uint16), tf.int32)
        pixels = _blended_deep(samples, chunks.bits)
    else:
        samples = tf.cast(tf.io.decode_png(photo), tf.int32)
        pixels = _blended(samples)
    pixels = _cleared(pixels, samples, tf.where(_has_clear_colour(colour), chunks.clear, b""))
    rgb = tf.broadcast_to(pixels, tf.concat([tf.shape(pixels)[:2], [3]], 0))
    return rgb, tf_orientation.of_png(chunks.exif, chunks.xmp)


def _read_chunks(photo: tf.Tensor) -> _Chunks:
    """Read the chunks of a PNG; see PNG (third edition), 5.3."""
    none = tf.constant(b"")
    exif, xmp, clear, bits, is_supported = none, none, none, none, tf.constant(True)
    at, size = tf.constant(len(_SIGNATURE)), tf.strings.length(photo)
    before_pixels = tf.constant(True)
    while at + 12 <= size:
        head = tf.cast(tf.io.decode_raw(tf.strings.substr(photo, at, 4), tf.uint8), tf.int32)
        length = ((head[0] * 256 + head[1]) * 256 + head[2]) * 256 + head[3]
        kind = tf.strings.substr(photo, at + 4, 4)
        if length < 0 or length > size - at - 12:  # damaged; the decoder refuses it
            at = size
        else:
            if kind == b"IDAT":
                before_pixels = tf.constant(False)
            elif kind == b"eXIf":
                exif = tf.strings.substr(photo, at + 8, length)
            elif kind == b"tRNS":
                clear = tf.strings.substr(photo, at + 8, length)
            elif kind == b"sBIT" and before_pixels:
                bits = tf.strings.substr(photo, at + 8, length)
            elif kind == b"iTXt":
                text = tf.strings.substr(photo, at + 8, length)
                if tf_orientation.is_xmp(text):
                    xmp = text
                    is_supported = is_supported and tf.strings.substr(text, 18, 1) == b"\0"
            elif tf.reduce_any(kind == (b"tEXt", b"zTXt")):
                text = tf.strings.substr(photo, at + 8, length)
                is_supported = is_supported and tf.strings.substr(text, 0, 21) != b"Raw profile type exif"
            at += 12 + length
    return _Chunks(exif, xmp, clear, bits, is_supported)


def _scaled(samples: tf.Tensor, significant: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Scale the colours of samples of 16 bits, `(h, w, 1 to 4)`, int32.

    Returns:
        Colours `(h, w, 1 or 3)`, float64, integers 0..255; and the value that became 255, int32.
    """
    colours = _colours(samples)
    least, most = tf.reduce_min(colours), tf.reduce_max(colours)
    high = tf.constant(0)
    for bits in reversed(_BITS):
        high = tf.where(most <= 2**bits - 1, 2**bits - 1, high)
    if significant != b"":
        declared = tf.bitwise.left_shift(1, tf.clip_by_value(_byte(significant, 0), 0, 17)) - 1
        high = tf.where(declared > 0 and declared <= 65535 and most <= declared, declared, high)
    low = tf.constant(0)
    if high > 255:
        flat = tf.reshape(colours, (-1,))
        flat = tf.sort(flat[:: tf.maximum(1, tf.size(flat) // _SAMPLE)])
        beyond = tf.size(flat) // _OUTLIERS
        inner_least, inner_most = flat[beyond], flat[tf.size(flat) - 1 - beyond]
        if _uses_few_levels(least, most, high):
            low, high = least, most
        if inner_least > inner_most - inner_least and _uses_few_levels(inner_least, inner_most, high - low):
            low, high = inner_least, inner_most
    scaled = tf.cast(colours - low, tf.float64) * (255 / tf.cast(high - low, tf.float64))
    return tf.floor(tf.clip_by_value(scaled, 0, 255) + 0.5), high


def _uses_few_levels(least: tf.Tensor, most: tf.Tensor, span: tf.Tensor) -> tf.Tensor:
    fewest = tf.where(least > most - least, _FEWEST_LEVELS_OFF_ZERO, _FEWEST_LEVELS)
    return most > least and (most - least) * 256 < fewest * span


def _blended_deep(samples: tf.Tensor, significant: tf.Tensor) -> tf.Tensor:
    """Scale samples of 16 bits and blend them with white: `(h, w, 1 or 3)`, uint8."""
    colours, high = _scaled(samples, significant)
    if tf.shape(samples)[-1] % 2 == 0:
        alpha = samples[..., -1:]
        most = tf.where(tf.reduce_max(alpha) > high, 65535, high)
        opaque = tf.clip_by_value(tf.cast(alpha, tf.float64) / tf.cast(most, tf.float64), 0, 1)
        colours = tf.clip_by_value(tf.floor(colours * opaque + (1 - opaque) * 255 + 0.5), 0, 255)
    return tf.cast(colours, tf.uint8)


def _blended(samples: tf.Tensor) -> tf.Tensor:
    """Blend samples of 8 bits, `(h, w, 1 to 4)`, int32, with white: `(h, w, 1 or 3)`, uint8."""
    colours = _colours(samples)
    if tf.shape(samples)[-1] % 2 == 0:
        alpha = tf.cast(samples[..., -1:], tf.float32) / 255
        colours = tf.cast(tf.round(255 + alpha * (tf.cast(colours, tf.float32) - 255)), tf.int32)
    return tf.cast(colours, tf.uint8)


def _cleared(pixels: tf.Tensor, samples: tf.Tensor, clear: tf.Tensor) -> tf.Tensor:
    """Make pixels white whose samples have the transparent colour, the content of a chunk tRNS."""
    if clear != b"":
        numbers = tf.reshape(tf.cast(tf.io.decode_raw(clear, tf.uint8), tf.int32), (-1, 2))
        is_clear = tf.reduce_all(_colours(samples) == numbers[:, 0] * 256 + numbers[:, 1], -1, keepdims=True)
        pixels = tf.where(is_clear, tf.constant(255, tf.uint8), pixels)
    return pixels


def _has_clear_colour(colour_type: tf.Tensor) -> tf.Tensor:
    return tf.reduce_any(colour_type == (_GREY, _RGB))


def _colours(samples: tf.Tensor) -> tf.Tensor:
    """Return the samples `(h, w, 1 to 4)` without an alpha channel."""
    channels = tf.shape(samples)[-1]
    return samples[..., : channels - 1 + channels % 2]


def _byte(text: tf.Tensor, at: int) -> tf.Tensor:
    """Return a byte of a scalar string, int32."""
    return tf.cast(tf.io.decode_raw(tf.strings.substr(text, at, 1), tf.uint8)[0], tf.int32)
