"""Decode JPEG and PNG with TensorFlow operations, for models that are used without fluke.

Gives the same pixels as `tasks.images.photos.decode` with Pillow: both use libjpeg-turbo and libpng with the same
settings. In a `tf.function`, AutoGraph turns the `if` and `while` statements on tensors into operations.
"""

import tensorflow as tf

from tasks.inference.export import tf_orientation, tf_png


def decode(photo: tf.Tensor, *, at_least_px: int, longer_side: bool = False, grey: bool = False) -> tf.Tensor:
    """Decode a photo.

    Args:
        photo: The content of a JPEG or PNG file, a scalar string. Transparent parts of a PNG become white, and 16 bits
            are scaled to 8 as `tasks.images.value_range` explains.
        at_least_px: A JPEG is decoded at 1/2, 1/4 or 1/8 of its size, if no side becomes shorter than this.
        longer_side: Whether only the longer side must not become shorter than this.
        grey: Whether only the luma of a JPEG is decoded; all three channels are the luma then.

    Returns:
        RGB pixels (h, w, 3), uint8, rotated as the EXIF or XMP data requires.

    Raises:
        InvalidArgumentError: The content is not a complete JPEG or PNG file, or only fluke can decode it.
    """
    if tf.io.is_jpeg(photo):
        orientation, is_adobe = tf_orientation.of_jpeg(photo)
        shape = tf.io.extract_jpeg_shape(photo)
        side = tf.reduce_max(shape[:2]) if longer_side else tf.reduce_min(shape[:2])
        if grey and shape[2] == 3:
            pixels = tf.repeat(_decode_jpeg(photo, side // at_least_px, is_adobe, channels=1), 3, axis=2)
        else:
            pixels = _decode_jpeg(photo, side // at_least_px, is_adobe, channels=3)
    else:
        pixels, orientation = tf_png.decode(photo)
    return tf.ensure_shape(_upright(pixels, orientation), (None, None, 3))


def _decode_jpeg(photo: tf.Tensor, ratio: tf.Tensor, is_adobe: tf.Tensor, *, channels: int) -> tf.Tensor:
    """Decode RGB or luma, without the rotation, at 1/2, 1/4 or 1/8 of the size if `ratio` is at least 2, 4 or 8."""
    shape = tf.io.extract_jpeg_shape(photo)
    # Without Adobe's marker, Pillow takes the values as inverted and TensorFlow doesn't.
    is_supported = shape[2] != 4 or is_adobe
    with tf.control_dependencies(
        [tf.debugging.Assert(is_supported, ["a CMYK JPEG without Adobe's marker: convert it"])]
    ):
        photo = tf.identity(photo)

    def at(ratio: int) -> tf.Tensor:
        return tf.io.decode_jpeg(photo, channels=channels, ratio=ratio, dct_method="INTEGER_ACCURATE")

    if ratio >= 8:
        pixels = at(8)
    elif ratio >= 4:
        pixels = at(4)
    elif ratio >= 2:
        pixels = at(2)
    else:
        pixels = at(1)
    return pixels


def _upright(pixels: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Rotate and mirror pixels `(h, w, 3)` by an orientation, 1 to 8."""
    if orientation >= 5 and orientation <= 8:
        pixels = tf.transpose(pixels, (1, 0, 2))
    if tf.reduce_any(orientation == (2, 3, 6, 7)):
        pixels = pixels[:, ::-1]
    if tf.reduce_any(orientation == (3, 4, 7, 8)):
        pixels = pixels[::-1]
    return pixels
