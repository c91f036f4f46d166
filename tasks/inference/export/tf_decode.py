"""Decode JPEG and PNG with TensorFlow operations, for models that are used without fluke.

Gives the same pixels as `tasks.images.photos.decode` with Pillow: both use libjpeg-turbo and libpng with the same
settings. In a `tf.function`, AutoGraph turns the `if` and `while` statements on tensors into operations.
"""

import tensorflow as tf

_PNG = b"\x89PNG\r\n\x1a\n"
_APP1, _SCAN = 0xE1, 0xDA
"""Markers of the JPEG segments that contain EXIF and start the pixels."""
_EXIF = b"Exif\0\0"
_ORIENTATION = 0x0112
_UPRIGHT = 1


def decode(photo: tf.Tensor, *, at_least_px: int) -> tf.Tensor:
    """Decode a photo.

    Args:
        photo: The content of a JPEG or PNG file, a scalar string. Transparent parts of a PNG become white.
        at_least_px: A JPEG is decoded at 1/2, 1/4 or 1/8 of its size, if no side becomes shorter than this.

    Returns:
        RGB pixels (h, w, 3), uint8, rotated as the EXIF of a JPEG requires.

    Raises:
        InvalidArgumentError: The content is not a complete JPEG or PNG file.
    """
    if tf.io.is_jpeg(photo):
        pixels = _upright(_decode_jpeg(photo, at_least_px), orientation(photo))
    else:
        pixels = _over_white(_decode_png(photo))
    return tf.ensure_shape(pixels, (None, None, 3))


def orientation(photo: tf.Tensor) -> tf.Tensor:
    """Read the orientation from the EXIF of a JPEG, a scalar string: int32, 1 (upright) to 8; 1 if there is none.

    See EXIF 2.32 (CIPA DC-008), sections 4.5.4 (the segment, which contains a TIFF file) and 4.6.4 (the tag).
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
    """Read the orientation from the first directory of a TIFF file, bytes as int32 `(n,)`; 1 if there is none."""
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
    """Read a 16-bit number at position `at` of the first axis of `data`."""
    first, second = data[at], data[at + 1]
    return tf.where(little, first + 256 * second, 256 * first + second)


def _decode_jpeg(photo: tf.Tensor, at_least_px: int) -> tf.Tensor:
    """Decode RGB pixels, without the rotation."""

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
    """Decode pixels `(h, w, 1 to 4)`, uint8, grey or RGB, with or without an alpha channel.

    Other formats that TensorFlow can decode are refused: an animated WebP makes TensorFlow 2.21 write outside its
    memory.
    """
    is_png = tf.strings.substr(photo, 0, len(_PNG)) == _PNG
    with tf.control_dependencies([tf.debugging.Assert(is_png, ["photos must be JPEG or PNG"])]):
        return tf.io.decode_png(tf.identity(photo))


def _upright(pixels: tf.Tensor, orientation_tag: tf.Tensor) -> tf.Tensor:
    """Rotate and mirror pixels `(h, w, 3)` by an EXIF orientation."""
    if orientation_tag >= 5 and orientation_tag <= 8:
        pixels = tf.transpose(pixels, (1, 0, 2))
    if tf.reduce_any(orientation_tag == (2, 3, 6, 7)):
        pixels = pixels[:, ::-1]
    if tf.reduce_any(orientation_tag == (3, 4, 7, 8)):
        pixels = pixels[::-1]
    return pixels


def _over_white(pixels: tf.Tensor) -> tf.Tensor:
    """Blend pixels `(h, w, 1 to 4)`, uint8, grey or RGB, with or without an alpha channel, with white; RGB."""
    channels = tf.shape(pixels)[-1]
    if channels % 2 == 0:
        alpha = tf.cast(pixels[..., -1:], tf.float32) / 255
        opaque = tf.cast(tf.round(255 + alpha * (tf.cast(pixels[..., :-1], tf.float32) - 255)), tf.uint8)
    else:
        opaque = pixels
    return tf.broadcast_to(opaque, tf.concat([tf.shape(pixels)[:2], [3]], 0))
