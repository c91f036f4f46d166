"""Scale photos of more than 8 bits per sample to 8 bits.

`tasks.images.value_range` explains how.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.images import formats
from tasks.images.value_range import scale, to_8_bits, value_range

if TYPE_CHECKING:
    from PIL.Image import Image

_ROWS = 256
"""Rows that are blended at a time, so that no large temporary arrays are needed."""
_GDAL_NO_DATA = 42113
"""The TIFF tag of GDAL for the mark for no data: a number as text."""
_BITS_PER_SAMPLE, _PHOTOMETRIC, _MIN, _MAX, _EXTRA, _SAMPLE_FORMAT, _SMIN, _SMAX = (
    258,
    262,
    280,
    281,
    338,
    339,
    340,
    341,
)
_WIDTH, _HEIGHT, _ORIENTATION, _PLANAR = 256, 257, 274, 284
"""TIFF tags, see TIFF 6.0."""
_WHITE_IS_ZERO, _UNSIGNED, _SIGNED, _PREMULTIPLIED, _UNSPECIFIED, _SEPARATE = 0, 1, 2, 1, 0, 2


def is_deep(image: "Image", data: bytes) -> bool:
    """Whether a photo has more than 8 bits per sample, or signed ones; see `pixels_of`."""
    return image.mode[0] in "IF" or _has_deep_colours(image, data) or _is_signed_byte(image)


def pixels_of(image: "Image", data: bytes) -> NDArray[np.uint8]:
    """Scale a deep photo to 8 bits.

    Args:
        image: The loaded photo, for which `is_deep` is true.
        data: The bytes of its file.

    Returns:
        Pixels `(h, w, 1 or 3)`, not rotated; transparent parts are white.

    Raises:
        ValueError: `unreadable`.
    """
    declared, tags = declared_range(image, data), getattr(image, "tag_v2", {})
    if not _has_deep_colours(image, data):
        values = np.asarray(image)
        if image.mode == "I" and _first(tags.get(_SAMPLE_FORMAT, _UNSIGNED)) == _UNSIGNED:
            values = values.view(np.uint32)  # Pillow takes them as signed, and signed bytes as unsigned
        elif image.mode == "L":
            values = values.view(np.int8)
        clear = values == image.info["transparency"] if isinstance(image.info.get("transparency"), int) else None
        pixels = scale(
            values, declared, _number(tags.get(_GDAL_NO_DATA)), is_inverted=tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
        )
        if clear is not None:
            pixels[clear] = 255
        return pixels[..., None]
    decoded = None if tags.get(_PLANAR) == _SEPARATE else _decode_deep_colours(data)  # OpenCV confuses the planes
    if decoded is None:
        return _high_bytes(image)
    extra = tags.get(_EXTRA, ())
    colours, alpha = decoded[..., :3], decoded[..., 3] if decoded.shape[2] == 4 and extra != (_UNSPECIFIED,) else None
    low, high = value_range(colours, declared)
    pixels = to_8_bits(colours, low, high)
    return pixels if alpha is None else _over_white(pixels, alpha, high, is_premultiplied=extra == (_PREMULTIPLIED,))


def scientific_size_px(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a TIFF that `scientific_image` may decode; None of other files.

    These are fractions of several channels or of 64 bits, as Python and MATLAB write them, and long integers.
    """
    if formats.extension(data) != "tif":
        return None
    tags = formats.tiff_tags(data)
    width, height = tags.get(_WIDTH, 0), tags.get(_HEIGHT, 0)
    is_usual = tags.get(_PLANAR) != _SEPARATE and tags.get(_ORIENTATION, 1) == 1
    return (width, height) if width and height and is_usual and tags.get(_BITS_PER_SAMPLE) in (32, 64) else None


def scientific_image(data: bytes) -> "Image":
    """Decode a TIFF that Pillow can't decode, and scale it to 8 bits; a fourth channel is left out.

    Raises:
        ValueError: `unreadable`.
    """
    from PIL.Image import fromarray

    found = _decode_with_opencv(data)
    if found is None or found.dtype.kind not in "iuf":
        raise ValueError("unreadable")
    values = found[..., 2::-1] if found.ndim == 3 else found
    is_inverted = formats.tiff_tags(data).get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    return fromarray(scale(values, None, None, is_inverted=is_inverted))


def declared_range(image: "Image", data: bytes) -> tuple[float, float] | None:
    """Return the range of values that a PNG or TIFF declares, if it does."""
    if image.format == "PNG":
        bits = formats.png_chunk(data, b"sBIT")
        return (0, 2 ** bits[0] - 1) if bits and 0 < bits[0] <= 16 else None
    tags = getattr(image, "tag_v2", {})
    for first, last in ((_SMIN, _SMAX), (_MIN, _MAX)):
        low, high = _number(tags.get(first, 0)), _number(tags.get(last))
        if low is not None and high is not None:
            return low, high
    bits_per_sample = _first(tags.get(_BITS_PER_SAMPLE))
    if isinstance(bits_per_sample, int) and 8 < bits_per_sample < 16:
        return 0, 2**bits_per_sample - 1
    return None


def _has_deep_colours(image: "Image", data: bytes) -> bool:
    """Whether a photo of several channels has 16 bits per sample, of which Pillow only keeps the upper 8."""
    if image.mode not in ("LA", "RGB", "RGBA"):
        return False
    if image.format == "PNG":
        return data[24:25] == b"\x10"
    return image.format == "TIFF" and _first(image.tag_v2.get(_BITS_PER_SAMPLE)) == 16  # type: ignore[attr-defined]


def _is_signed_byte(image: "Image") -> bool:
    return image.mode == "L" and _first(getattr(image, "tag_v2", {}).get(_SAMPLE_FORMAT)) == _SIGNED


def _decode_deep_colours(data: bytes) -> NDArray[np.uint16] | None:
    """Decode RGB or RGBA with 16 bits per sample, `(h, w, 3 or 4)`; None if OpenCV can't."""
    found = _decode_with_opencv(data)
    if found is None or found.dtype != np.uint16 or found.ndim != 3:
        return None
    order = (2, 1, 0, 3)[: found.shape[2]]
    return np.asarray(found[..., order])


def _decode_with_opencv(data: bytes) -> NDArray[Any] | None:
    """Decode a file to the samples that it holds, `(h, w)` or BGR `(h, w, 3 or 4)`; None if OpenCV can't."""
    import cv2

    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError(str(error)) from error
        return None


def _high_bytes(image: "Image") -> NDArray[np.uint8]:
    """Return what Pillow decodes of a photo that OpenCV can't decode, if its values use the upper 8 of 16 bits."""
    pixels = np.asarray(image.convert("RGB"))
    if pixels.max() < 64:
        raise ValueError("unreadable")
    return pixels


def _over_white(
    pixels: NDArray[np.uint8], alpha: NDArray[np.uint16], high: float, *, is_premultiplied: bool
) -> NDArray[np.uint8]:
    """Blend pixels with white; the values of `alpha` end at 65535, or else at `high` like those of the colours."""
    most = np.iinfo(np.uint16).max if alpha.max() > high else high
    for top in range(0, len(pixels), _ROWS):
        opaque = np.clip(alpha[top : top + _ROWS] / most, 0, 1)[..., None]
        colours = pixels[top : top + _ROWS] * (1 if is_premultiplied else opaque)
        pixels[top : top + _ROWS] = np.clip(np.floor(colours + (1 - opaque) * 255 + 0.5), 0, 255)
    return pixels


def _first(value: Any) -> Any:
    """Return the first of several values of a TIFF tag, or the only one."""
    return value[0] if isinstance(value, tuple) and value else value


def _number(value: Any) -> float | None:
    try:
        number = float(_first(value))
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if np.isfinite(number) else None
