"""Scale photos of more than 8 bits per sample to 8 bits.

The range of values that becomes 0..255 is, in this order:

1. The range that the file declares, if it contains all values: SMinSampleValue and SMaxSampleValue, MinSampleValue and
   MaxSampleValue, or BitsPerSample (not 16 or 32, which are only the size of the container) of a TIFF; sBIT of a PNG.
2. Integers from 0: the smallest of 8, 10, 12, 14 and 16 bits that contains all values. So photos of one camera nearly
   always get the same range, however bright they are.
3. Fractions from 0: the smallest of 0..1, 0..255 and 0..65535 that contains all values.
4. Other values, such as negative or larger ones: from the smallest to the largest value.

If few of the 256 grey levels would be used, as by a thermal camera whose values are temperatures, the range is that
from the smallest to the largest value, too. Few are fewer than 16; or fewer than 64, if all values are far from 0, or
are fractions of a range other than 0..1. If that is so without a dead or a hot pixel only (0.1 % of the values at each
end), these are left out. All channels of a photo have the same range. NaN and other marks for no data become black.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.images import formats

if TYPE_CHECKING:
    from PIL.Image import Image

_BITS = (8, 10, 12, 14, 16)
_FRACTIONS = (1.0, 255.0, 65535.0)
_FEWEST_LEVELS, _FEWEST_LEVELS_OFF_ZERO = 16, 64
_OUTLIERS = 1000
"""One of so many values at each end may be that of a dead or a hot pixel."""
_SAMPLE = 1_000_000
_NO_DATA = (-9999, -32768)
"""Marks for no data in signed integers and fractions."""
_LARGEST_FRACTION = 1e30
_GDAL_NO_DATA = 42113
"""The TIFF tag of GDAL for no data: a number as text."""
_ROWS = 256
"""Rows that are scaled at a time, so that no large temporary arrays are needed."""
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
_PLANAR = 284
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
        missing = _no_data(values, tags.get(_GDAL_NO_DATA))
        if missing is not None:
            values = np.where(missing, 0 if missing.all() else values[~missing][0], values)
        pixels = to_8_bits(values, *value_range(values, declared))
        if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
            np.subtract(255, pixels, out=pixels)
        if missing is not None:
            pixels[missing] = 0
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


def value_range(values: NDArray[Any], declared: tuple[float, float] | None = None) -> tuple[float, float]:
    """Return the range of values that becomes 0..255; see the top of this module.

    Args:
        values: The samples of one photo, integers or fractions, of any shape.
        declared: The range that the file declares.

    Returns:
        The value that becomes 0, and the larger one that becomes 255.
    """
    least, most = _extremes(values)
    is_fraction = values.dtype.kind == "f"
    low, high = least, most
    if declared and declared[0] <= least and most <= declared[1] and declared[0] < declared[1]:
        low, high = declared
    elif least >= 0:
        bounds = _FRACTIONS if is_fraction else [2**bits - 1 for bits in _BITS]
        low, high = next(((0, bound) for bound in bounds if most <= bound), (least, most))
    if is_fraction or high - low > 255:
        inner = _without_outliers(values)
        if _uses_few_levels(least, most, high - low, is_fraction=is_fraction):
            low, high = least, most
        if inner[0] > inner[1] - inner[0] and _uses_few_levels(*inner, high - low, is_fraction=is_fraction):
            low, high = inner
    if low == high:  # one value only: black
        high = low + 1
    return float(low), float(high)


def _uses_few_levels(least: float, most: float, span: float, *, is_fraction: bool) -> bool:
    """Whether values from `least` to `most` are so small a part of a range that it isn't that of the values."""
    is_off_zero = least > most - least or (is_fraction and span > 1)
    return 0 < (most - least) * 256 < (_FEWEST_LEVELS_OFF_ZERO if is_off_zero else _FEWEST_LEVELS) * span


def _without_outliers(values: NDArray[Any]) -> tuple[float, float]:
    """Return the smallest and the largest of most values, see `_OUTLIERS`; 0 and 0 if no value is finite."""
    sample = values.reshape(-1)
    sample = np.sort(sample[:: max(1, sample.size // _SAMPLE)])
    sample = sample[np.isfinite(sample)] if values.dtype.kind == "f" else sample
    beyond = sample.size // _OUTLIERS
    return (float(sample[beyond]), float(sample[-1 - beyond])) if sample.size else (0.0, 0.0)


def _no_data(values: NDArray[Any], declared: Any) -> NDArray[np.bool_] | None:
    """Return which values are marks for no data, `(h, w)`; None if there are none."""
    found = np.zeros(values.shape, np.bool_)
    if (number := _number(declared)) is not None:
        found |= values == number
    if values.dtype.kind in "if":
        for mark in _NO_DATA:
            found |= values == mark
    if values.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            found |= np.isfinite(values) & (np.abs(values) > _LARGEST_FRACTION)
    return found if found.any() else None


def to_8_bits(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Scale values so that `low` becomes 0 and `high` becomes 255; other values are clipped, and NaN becomes 0."""
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        levels = _scaled(np.arange(1 << 16), low, high)
        return np.asarray(levels[values])
    pixels = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), _ROWS):
        pixels[top : top + _ROWS] = _scaled(values[top : top + _ROWS], low, high)
    return pixels


def _scaled(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = (values.astype(np.float64) - low) * (255 / (high - low))
    return np.floor(np.clip(np.nan_to_num(scaled, nan=0), 0, 255) + 0.5).astype(np.uint8)


def _extremes(values: NDArray[Any]) -> tuple[float, float]:
    """Return the smallest and the largest finite value; 0 and 0 if there is none."""
    least, most = np.inf, -np.inf
    for top in range(0, len(values), _ROWS):
        rows = values[top : top + _ROWS]
        finite = rows[np.isfinite(rows)] if values.dtype.kind == "f" else rows
        if finite.size:
            least, most = min(least, float(finite.min())), max(most, float(finite.max()))
    return (least, most) if least <= most else (0.0, 0.0)


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
    import cv2

    try:
        found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError(str(error)) from error
        return None
    if found is None or found.dtype != np.uint16 or found.ndim != 3:
        return None
    order = (2, 1, 0, 3)[: found.shape[2]]
    return np.asarray(found[..., order])


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
