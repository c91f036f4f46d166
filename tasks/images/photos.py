"""Store photos under the SHA-256 of their bytes, check them, and decode them."""

import re
from collections.abc import Iterator
from contextlib import nullcontext
from io import BytesIO
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from tasks.store import hashing
from tasks.store.atomic import atomic_write
from tasks.store.manifest import FileRecord

Value = TypeVar("Value", bound=np.generic)

if TYPE_CHECKING:
    from PIL.Image import Image

EXTENSIONS = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".mpo",
        ".png",
        ".gif",
        ".bmp",
        ".webp",
        ".tif",
        ".tiff",
        ".avif",
        ".heic",
        ".heif",
        ".hif",
    }
)
"""File names that end in one of these, in any case, are photos; the content decides how they are decoded."""
_EXTENSIONS = {
    b"\xff\xd8\xff": "jpg",
    b"\x89PNG\r\n\x1a\n": "png",
    b"GIF8": "gif",
    b"BM": "bmp",
    b"II*\x00": "tif",
    b"MM\x00*": "tif",
}


_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF")
"""Other formats are refused because decoding them can run programs: Pillow runs Ghostscript for EPS."""
_DRAFT_PX = 64
LARGE_PX = 8e6
"""A photo with more pixels is large."""
_LARGE = Lock()
"""Only one large photo is decoded for a check at a time: a WebP file of 34 bytes can need 1.4 GB of memory."""
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")
"""The start of a segment of a JPEG, with its type."""
_SCAN, _END = b"\xda", b"\xd9"
_MOST_SCANS = 100
"""Most scans of a JPEG. About 10 are usual; a scan of a few bytes can make the decoder process all pixels again."""


def put(home: Path, data: bytes, sha256: str | None = None) -> tuple[str, Path]:
    """Store a photo unless it is stored already.

    Args:
        home: The folder of the photos.
        data: The bytes of the photo.
        sha256: Their SHA-256; None: it is computed.

    Returns:
        The SHA-256 and the path of the file.
    """
    sha256 = sha256 or hashing.of_bytes(data)
    path = path_of(home, data, sha256)
    if not path.exists() or hashing.of_file(path) != sha256:
        atomic_write(path, data)
    return sha256, path


def path_of(home: Path, data: bytes, sha256: str) -> Path:
    """Return the path of a photo with these bytes, whether or not it exists."""
    return home / sha256[:2] / f"{sha256}.{extension(data)}"


def extension(data: bytes) -> str:
    """Return the file extension for a photo's content, not for its name; `bin` if the format is unknown."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis"):
        return "avif"
    return next((name for magic, name in _EXTENSIONS.items() if data.startswith(magic)), "bin")


def record(path: Path) -> FileRecord:
    """Return the record of a stored photo; its SHA-256 is taken from its name, without reading it."""
    return FileRecord(bytes=path.stat().st_size, sha256=path.stem)


def size_px(data: bytes) -> tuple[int, int]:
    """Read width and height of a photo from its header.

    Raises:
        ValueError: `unreadable`.
    """
    width, height = _open(data).size
    return width, height


def check(data: bytes, *, most_px: float) -> tuple[int, int]:
    """Check that a downloaded photo can be decoded completely, as cheaply as possible.

    Args:
        data: The bytes of the photo.
        most_px: The largest number of pixels to accept.

    Returns:
        Width and height.

    Raises:
        ValueError: The reason: `not a picture`, `unreadable` or `truncated`; `too many pixels` and `too many scans` are
            found without decoding it.
    """
    from PIL.Image import DecompressionBombError

    try:
        image = _open(data)
    except ValueError as error:
        bomb = isinstance(error.__cause__, DecompressionBombError)
        raise ValueError("too many pixels" if bomb else "not a picture") from error
    width, height = image.size
    if width * height > most_px:
        raise ValueError("too many pixels")
    if image.format in ("JPEG", "MPO") and next(islice(_scans(data), _MOST_SCANS, None), None) is not None:
        raise ValueError("too many scans")
    try:
        with _LARGE if width * height > LARGE_PX else nullcontext():
            image.draft("RGB", (_DRAFT_PX, _DRAFT_PX))
            image.load()
    except Exception as error:
        raise ValueError(_problem(error)) from error
    return width, height


def decode(data: bytes, *, at_least_px: int | None = None) -> NDArray[np.uint8]:
    """Decode a photo to RGB pixels, rotated as its EXIF data says.

    Transparent parts become white; of an animation, the first frame is taken.

    Args:
        data: The bytes of the photo.
        at_least_px: If given, a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, which is several times faster, as
            long as no side becomes shorter than this.

    Returns:
        Pixels `(h, w, 3)`.

    Raises:
        ValueError: The reason: `unreadable` or `truncated`.
    """
    from PIL import Image, ImageOps

    image = _open(data)
    try:
        if at_least_px is not None:
            image.draft("RGB", (at_least_px, at_least_px))
        image.load()
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I"):  # grey with 16 bits per pixel
            image = Image.fromarray((np.asarray(image).clip(0, 65535) // 257).astype(np.uint8))
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        return np.asarray(image.convert("RGB"))
    except Exception as error:  # Pillow's decoders raise errors of many types for damaged files
        raise ValueError(_problem(error)) from error


def shrink(pixels: NDArray[Value], longest_px: int) -> NDArray[Value]:
    """Shrink an image by area interpolation; a smaller image is returned unchanged.

    Args:
        pixels: The image, `(h, w)` or `(h, w, c)`.
        longest_px: The largest length of its longer side.

    Returns:
        The image with the same number of dimensions.
    """
    import cv2

    height, width = pixels.shape[:2]
    scale = longest_px / max(height, width)
    if scale >= 1:
        return pixels
    height, width = max(1, round(height * scale)), max(1, round(width * scale))
    small = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), pixels.dtype)
    return small.reshape(height, width, *pixels.shape[2:])


def _scans(data: bytes) -> Iterator[int]:
    """Yield the position of each scan of a JPEG."""
    at = 0
    while (marker := _MARKER.search(data, at)) and marker[1] != _END:
        if marker[1] == _SCAN:
            yield marker.start()
        length = int.from_bytes(data[marker.end() : marker.end() + 2])
        at = marker.end() + length  # skip the content of the segment, such as a preview


def _problem(error: Exception) -> str:
    return "truncated" if "truncated" in str(error) else "unreadable"


def _open(data: bytes) -> "Image":
    from PIL import Image

    try:
        return Image.open(BytesIO(data), formats=_FORMATS)
    except Exception as error:  # errors of many types, such as DecompressionBombError
        raise ValueError("unreadable") from error
