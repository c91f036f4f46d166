"""Read how a photo must be turned to be upright.

Only this one value is read. A damaged EXIF segment, or another tag of it that is damaged, doesn't matter.
"""

import re
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from tasks.images.exif import Tiff

if TYPE_CHECKING:
    from PIL.Image import Image

Value = TypeVar("Value", bound=np.generic)

UPRIGHT = 1
_TAG, _SHORT = 0x0112, 3
_XMP = re.compile(rb"tiff:Orientation(?:=\"|>)([1-8])\D")
TRANSPOSED = (5, 6, 7, 8)
_MIRRORED = (2, 3, 6, 7)
"""Orientations whose columns are reversed, after rows and columns are exchanged if they are."""
_UPSIDE_DOWN = (3, 4, 7, 8)
_TURNED_BY_DECODER = ("TIFF", "HEIF")


def orientation(image: "Image") -> int:
    """Return the orientation of a loaded photo, 1 (upright) to 8: that of its EXIF data, or else of its XMP data.

    It is 1 if there is none, if it is invalid, and if the decoder has turned the photo already (TIFF, HEIF).
    """
    if image.format in _TURNED_BY_DECODER:
        return UPRIGHT
    exif = image.info.get("exif") or _raw_profile(image.info.get("Raw profile type exif"))
    found = of_exif(exif) if isinstance(exif, bytes) else None
    if found is None:
        found = _of_xmp(image.info.get("XML:com.adobe.xmp") or image.info.get("xmp"))
    return found


def of_exif(exif: bytes) -> int | None:
    """Return the orientation in EXIF data: 1 if it is invalid, None if there is none.

    See EXIF 2.32 (CIPA DC-008), 4.6.4: the tag is one SHORT of 1 to 8, in the first directory of a TIFF file.
    """
    tiff = Tiff(exif)
    entry = tiff.directory().get(_TAG)
    if entry is None:
        return None
    value = tiff.number(entry.at, 2)
    return value if entry.kind == _SHORT and entry.size == 1 and 1 <= value <= 8 else UPRIGHT


def as_stored(upright: NDArray[Value], orientation: int) -> NDArray[Value]:
    """Return a view of upright pixels `(h, w, ...)` in the order in which a file of this orientation stores them."""
    if orientation in _UPSIDE_DOWN:
        upright = upright[::-1]
    if orientation in _MIRRORED:
        upright = upright[:, ::-1]
    return upright.swapaxes(0, 1) if orientation in TRANSPOSED else upright


def _of_xmp(xmp: object) -> int:
    text = xmp.encode(errors="replace") if isinstance(xmp, str) else xmp
    found = _XMP.search(text) if isinstance(text, bytes) else None
    return int(found[1]) if found else UPRIGHT


def _raw_profile(text: object) -> bytes | None:
    """Return the EXIF data that ImageMagick writes into a PNG as hexadecimal text after three lines of header."""
    try:
        return bytes.fromhex("".join(str(text).split("\n")[3:])) if text else None
    except ValueError:
        return None
