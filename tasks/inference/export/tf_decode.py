"""Encoded photos to pixels as TensorFlow operations, for models that are used without this code.

What `tasks.images.photos.decode` does with Pillow: the same libraries (libjpeg-turbo, libpng) with the same settings.
Functions with an `if` or a loop over tensors are for AutoGraph: within a `tf.function` they become operations.
"""

import tensorflow as tf

_PNG = b"\x89PNG\r\n\x1a\n"
_APP1, _SCAN = 0xE1, 0xDA
"""Of a JPEG: the segment that holds EXIF, and the one that begins its pixels."""
_EXIF = b"Exif\0\0"
_ORIENTATION = 0x0112
_UPRIGHT = 1


def decode(photo: tf.Tensor, *, at_least_px: int) -> tf.Tensor:
    """Pixels RGB `(h, w, 3)`, uint8, of an encoded photo, a scalar string; upright as a JPEG's EXIF says.

    at_least_px: a JPEG is decoded at 1/2, 1/4 or 1/8 of its size as long as no side gets shorter than this. Transparent
    parts of a PNG become white. Fails with InvalidArgumentError on what is no whole JPEG or PNG.
    """
    if tf.io.is_jpeg(photo):
        pixels = _upright(_decode_jpeg(photo, at_least_px), orientation(photo))
    else:
        pixels = _over_white(_decode_png(photo))
    return tf.ensure_shape(pixels, (None, None, 3))


def orientation(photo: tf.Tensor) -> tf.Tensor:
    """How a JPEG, a scalar string, is to be turned: int32, 1 (not at all) to 8, as its EXIF says.

    EXIF 2.32 (CIPA DC-008), sections 4.5.4 (its segment; within it, it is a TIFF file) and 4.6.4 (this tag).
    """
    data = tf.cast(tf.io.decode_raw(photo, tf.uint8), tf.int32)
    at, size, found = tf.constant(2), tf.size(data), tf.constant(_UPRIGHT)
    while at + 4 <= size and data[at] == 0xFF and data[at + 1] != _SCAN:
        if data[at + 1] == _APP1 and tf.strings.substr(photo, at + 4, len(_EXIF)) == _EXIF:
            found = _tag(data[at + 4 + len(_EXIF) :])
            at = size
        else:
            at += 2 + _short(data, at + 2, False)
    return found


def _tag(tiff: tf.Tensor) -> tf.Tensor:
    """The orientation that the first directory of a TIFF file, bytes as int32 `(n,)`, names; 1 if it names none."""
    found, size = tf.constant(_UPRIGHT), tf.size(tiff)
    if size >= 10:
        little = tiff[0] == ord("I")
        first, second = _short(tiff, 4, little), _short(tiff, 6, little)
        start = tf.where(little, first + 65536 * second, 65536 * first + second)
        if start >= 0 and start <= size - 2:
            count = tf.minimum(_short(tiff, start, little), (size - start - 2) // 12)
            entries = tf.transpose(tf.reshape(tiff[start + 2 : start + 2 + 12 * count], (count, 12)))
            named = tf.boolean_mask(_short(entries, 8, little), _short(entries, 0, little) == _ORIENTATION)
            if tf.size(named) > 0:
                found = named[0]
    return found


def _short(data: tf.Tensor, at: tf.Tensor | int, little: tf.Tensor | bool) -> tf.Tensor:
    """The number of two bytes of `data`, from place `at` of its first axis on."""
    first, second = data[at], data[at + 1]
    return tf.where(little, first + 256 * second, 256 * first + second)


def _decode_jpeg(photo: tf.Tensor, at_least_px: int) -> tf.Tensor:
    """Pixels RGB, not yet upright."""

    def at(ratio: int) -> tf.Tensor:
        return tf.io.decode_jpeg(photo, channels=3, ratio=ratio, dct_method="INTEGER_ACCURATE")

    ratio = tf.reduce_min(tf.io.extract_jpeg_shape(photo)[:2]) // at_least_px
    if ratio >= 8:
        pixels = at(8)
    elif ratio >= 4:
        pixels = at(4)
    elif ratio >= 2:
        pixels = at(2)
    else:
        pixels = at(1)
    return pixels


def _decode_png(photo: tf.Tensor) -> tf.Tensor:
    """Pixels `(h, w, 1 to 4)`, uint8, grey or RGB, with opacity or without.

    TensorFlow would take other formats, too; but an animated WebP, not a rare thing on the net, makes 2.21 write beyond
    its memory.
    """
    is_png = tf.strings.substr(photo, 0, len(_PNG)) == _PNG
    with tf.control_dependencies([tf.debugging.Assert(is_png, ["photos must be JPEG or PNG"])]):
        return tf.io.decode_png(tf.identity(photo))


def _upright(pixels: tf.Tensor, how: tf.Tensor) -> tf.Tensor:
    """Pixels `(h, w, 3)`, turned and mirrored as an orientation says."""
    if how >= 5 and how <= 8:
        pixels = tf.transpose(pixels, (1, 0, 2))
    if tf.reduce_any(how == (2, 3, 6, 7)):
        pixels = pixels[:, ::-1]
    if tf.reduce_any(how == (3, 4, 7, 8)):
        pixels = pixels[::-1]
    return pixels


def _over_white(pixels: tf.Tensor) -> tf.Tensor:
    """Pixels `(h, w, 1 to 4)`, uint8, grey or RGB, with opacity or without, as RGB before a white background."""
    channels = tf.shape(pixels)[-1]
    if channels % 2 == 0:
        opacity = tf.cast(pixels[..., -1:], tf.float32) / 255
        opaque = tf.cast(tf.round(255 + opacity * (tf.cast(pixels[..., :-1], tf.float32) - 255)), tf.uint8)
    else:
        opaque = pixels
    return tf.broadcast_to(opaque, tf.concat([tf.shape(pixels)[:2], [3]], 0))
