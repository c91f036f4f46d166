"""Scale values of more than 8 bits to 8 bits.

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

from typing import Any

import numpy as np
from numpy.typing import NDArray

_BITS = (8, 10, 12, 14, 16)
_FRACTIONS = (1.0, 255.0, 65535.0)
_FEWEST_LEVELS, _FEWEST_LEVELS_OFF_ZERO = 16, 64
_OUTLIERS = 1000
"""One of so many values at each end may be that of a dead or a hot pixel."""
_SAMPLE = 1_000_000
_NO_DATA = (-9999, -32768)
"""Marks for no data in signed integers and fractions."""
_LARGEST_FRACTION = 1e30
_ROWS = 256
"""Rows that are scaled at a time, so that no large temporary arrays are needed."""


def scale(
    values: NDArray[Any], declared: tuple[float, float] | None, no_data: float | None, *, is_inverted: bool
) -> NDArray[np.uint8]:
    """Scale values to 8 bits; marks for no data become black.

    Args:
        values: The samples of one photo, integers or fractions, of any shape.
        declared: The range that the file declares.
        no_data: The mark for no data that the file declares.
        is_inverted: Whether the smallest value is white.
    """
    missing = _no_data(values, no_data)
    if missing is not None:
        values = np.where(missing, 0 if missing.all() else values[~missing][0], values)
    pixels = to_8_bits(values, *value_range(values, declared))
    if is_inverted:
        np.subtract(255, pixels, out=pixels)
    if missing is not None:
        pixels[missing] = 0
    return pixels


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


def to_8_bits(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Scale values so that `low` becomes 0 and `high` becomes 255; other values are clipped, and NaN becomes 0."""
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        levels = _scaled(np.arange(1 << 16), low, high)
        return np.asarray(levels[values])
    pixels = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), _ROWS):
        pixels[top : top + _ROWS] = _scaled(values[top : top + _ROWS], low, high)
    return pixels


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


def _no_data(values: NDArray[Any], declared: float | None) -> NDArray[np.bool_] | None:
    """Return which values are marks for no data; None if there are none."""
    found = np.zeros(values.shape, np.bool_)
    if declared is not None:
        found |= values == declared
    if values.dtype.kind in "if":
        for mark in _NO_DATA:
            found |= values == mark
    if values.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            found |= np.isfinite(values) & (np.abs(values) > _LARGEST_FRACTION)
    return found if found.any() else None


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
