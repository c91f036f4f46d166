"""Read the orientation of JPEG and PNG files with TensorFlow operations, as `tasks.images.orientation` does."""

import tensorflow as tf

_APP1, _APP14, _SCAN = 0xE1, 0xEE, 0xDA
"""Markers of the JPEG segments that contain EXIF or XMP, contain Adobe's marker, and start the pixels."""
_EXIF, _XMP, _ADOBE = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"Adobe"
_XMP_KEYWORD = b"XML:com.adobe.xmp\0"
_ORIENTATION, _SHORT_TYPE = 0x0112, 3
_NONE, _UPRIGHT = 0, 1


def of_jpeg(photo: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Read the segments of a JPEG, a scalar string, up to the pixels.

    See EXIF 2.32 (CIPA DC-008), sections 4.5.4 (the segment, which contains a TIFF file) and 4.6.4 (the tag).

    Returns:
        The orientation, int32, 1 (upright) to 8; and whether there is Adobe's marker, which says that the values of
        CMYK are inverted.
    """
    data = tf.cast(tf.io.decode_raw(photo, tf.uint8), tf.int32)
    at, size, by_exif, by_xmp = tf.constant(2), tf.size(data), tf.constant(_NONE), tf.constant(_NONE)
    has_exif, is_adobe = tf.constant(False), tf.constant(False)
    while at + 4 <= size and data[at] == 0xFF and data[at + 1] != _SCAN:
        length = _short(data, at + 2, False)
        content = tf.strings.substr(photo, at + 4, tf.maximum(length - 2, 0))
        if data[at + 1] == _APP1 and not has_exif and _starts(content, _EXIF):
            by_exif, has_exif = of_exif(content), True
        if data[at + 1] == _APP1 and _starts(content, _XMP):
            by_xmp = _of_xmp(content)
        if data[at + 1] == _APP14 and _starts(content, _ADOBE):
            is_adobe = True
        at += 2 + length
    return _first(by_exif, by_xmp), is_adobe


def of_png(exif: tf.Tensor, international_text: tf.Tensor) -> tf.Tensor:
    """Return the orientation of a PNG, int32, 1 (upright) to 8.

    Args:
        exif: The content of its chunk eXIf, a scalar string; empty if there is none.
        international_text: The content of the chunk iTXt that contains XMP data.
    """
    return _first(of_exif(exif), _of_xmp(international_text))


def is_xmp(international_text: tf.Tensor) -> tf.Tensor:
    """Whether a chunk iTXt of a PNG contains XMP data."""
    return _starts(international_text, _XMP_KEYWORD)


def of_exif(exif: tf.Tensor) -> tf.Tensor:
    """Read the orientation of EXIF data, a scalar string: int32, 1 to 8; 1 if it is invalid, 0 if there is none."""
    if _starts(exif, _EXIF):
        exif = tf.strings.substr(exif, len(_EXIF), -1)
    tiff = tf.cast(tf.io.decode_raw(exif, tf.uint8), tf.int32)
    found, size = tf.constant(_NONE), tf.size(tiff)
    if size >= 10 and (_starts(exif, b"II") or _starts(exif, b"MM")):
        little = tiff[0] == ord("I")
        start = _long(tiff, 4, little)
        if start >= 0 and start <= size - 2:
            count = tf.minimum(_short(tiff, start, little), (size - start - 2) // 12)
            entries = tf.transpose(tf.reshape(tiff[start + 2 : start + 2 + 12 * count], (count, 12)))
            named = tf.boolean_mask(entries, _short(entries, 0, little) == _ORIENTATION, axis=1)
            if tf.shape(named)[1] > 0:
                found = _value(named[:, 0], little)
    return found


def _value(entry: tf.Tensor, little: tf.Tensor) -> tf.Tensor:
    """Return the orientation of a directory entry, 12 bytes; 1 unless it is one SHORT of 1 to 8."""
    value = _short(entry, 8, little)
    is_short = _short(entry, 2, little) == _SHORT_TYPE and _long(entry, 4, little) == 1
    return tf.where(is_short and value >= 1 and value <= 8, value, _UPRIGHT)


def _of_xmp(text: tf.Tensor) -> tf.Tensor:
    """Read the orientation of XMP data, a scalar string: int32, 1 to 8; 0 if there is none."""
    digit = tf.strings.regex_replace(text, r'(?s)\A\C*?tiff:Orientation(?:="|>)([1-8])[^0-9]\C*\z', r"\1")
    found = tf.constant(_NONE)
    if tf.strings.length(digit) == 1:
        found = tf.strings.to_number(digit, tf.int32)
    return found


def _first(by_exif: tf.Tensor, by_xmp: tf.Tensor) -> tf.Tensor:
    return tf.maximum(_UPRIGHT, tf.where(by_exif == _NONE, by_xmp, by_exif))


def _starts(text: tf.Tensor, beginning: bytes) -> tf.Tensor:
    return tf.strings.substr(text, 0, len(beginning)) == beginning


def _short(data: tf.Tensor, at: tf.Tensor | int, little: tf.Tensor | bool) -> tf.Tensor:
    """Read a 16-bit number at position `at` of the first axis of `data`."""
    first, second = data[at], data[at + 1]
    return tf.where(little, first + 256 * second, 256 * first + second)


def _long(data: tf.Tensor, at: tf.Tensor | int, little: tf.Tensor | bool) -> tf.Tensor:
    """Read a 32-bit number; a value of 2^31 or more becomes negative."""
    first, second = _short(data, at, little), _short(data, at + 2, little)
    return tf.where(little, first + 65536 * second, 65536 * first + second)
