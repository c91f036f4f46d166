"""Facts of a photo that the filter's checks need, measured in one look; thresholds are applied to them afterwards."""

import numpy as np
from numpy.typing import NDArray

from tasks.support import photos
from tasks.support.duplicates import HASH_BYTES, perceptual_hash

VERSION = 1
"""Raised by whoever changes what is measured."""

FACTS = np.dtype([("flaw", "S10"), ("width_px", "<i4"), ("height_px", "<i4"), ("hash", "u1", (HASH_BYTES,))])
"""flaw: b"" or why it can't be decoded (`unreadable`, `truncated`); size in pixels; 256-bit perceptual hash."""

_HASH_SIDE_PX = 128


def measure(data: bytes) -> NDArray[np.void]:
    """The facts of a photo's bytes: one row of type FACTS, `()`."""
    facts = np.zeros((), FACTS)
    try:
        facts["width_px"], facts["height_px"] = photos.size_px(data)
        facts["hash"] = perceptual_hash(photos.decode(data, at_least_px=_HASH_SIDE_PX))
    except ValueError as error:
        facts["flaw"] = str(error).encode()
    return facts
