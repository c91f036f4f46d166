"""Photos on disk, stored once each under the SHA-256 of their bytes; and how they are decoded."""

import re
from collections.abc import Iterator
from contextlib import nullcontext
from io import BytesIO
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.store import hashing
from tasks.store.atomic import atomic_write
from tasks.store.manifest import FileRecord

if TYPE_CHECKING:
    from PIL.Image import Image

_EXTENSIONS = {
    b"\xff\xd8\xff": "jpg",
    b"\x89PNG\r\n\x1a\n": "png",
    b"GIF8": "gif",
    b"BM": "bmp",
    b"II*\x00": "tif",
    b"MM\x00*": "tif",
}


_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF")
"""Others can do more than show pixels: Pillow runs Ghostscript on EPS."""
_DRAFT_PX = 64
_LARGE_PX = 8e6
_LARGE = Lock()
"""Held while a large picture is decoded for a check: a WebP of 34 bytes can take 1.4 GB, and there are many threads."""
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")
"""Of a JPEG: the beginning of a segment, with its kind."""
_SCAN, _END = b"\xda", b"\xd9"
_MOST_SCANS = 100
"""A JPEG is decoded in so many passes at most. Some 10 are usual; each takes a few bytes, and goes over all pixels."""


def put(home: Path, data: bytes, sha256: str | None = None) -> tuple[str, Path]:
    """Store a photo's bytes, if they aren't yet; returns their SHA-256 (computed if it isn't given) and the file."""
    sha256 = sha256 or hashing.of_bytes(data)
    path = path_of(home, data, sha256)
    if not path.exists() or hashing.of_file(path) != sha256:
        atomic_write(path, data)
    return sha256, path


def path_of(home: Path, data: bytes, sha256: str) -> Path:
    """Where a photo with these bytes is, or would be."""
    return home / sha256[:2] / f"{sha256}.{extension(data)}"


def extension(data: bytes) -> str:
    """File name extension by content, never by the name that the net gave: `bin` if it is no known picture."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis"):
        return "avif"
    return next((name for magic, name in _EXTENSIONS.items() if data.startswith(magic)), "bin")


def record(path: Path) -> FileRecord:
    """Size and SHA-256 of a stored photo, by its name and without reading it."""
    return FileRecord(bytes=path.stat().st_size, sha256=path.stem)


def size_px(data: bytes) -> tuple[int, int]:
    """Width and height of a picture, from its header; raises ValueError("unreadable")."""
    width, height = _open(data).size
    return width, height


def check(data: bytes, *, most_px: float) -> tuple[int, int]:
    """Width and height of a picture from the net, after decoding it as cheaply as shows that it is whole.

    Raises ValueError with the reason: `not a picture`, `truncated`, or undecoded `too many pixels`, `too many scans`.
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
        with _LARGE if width * height > _LARGE_PX else nullcontext():
            image.draft("RGB", (_DRAFT_PX, _DRAFT_PX))
            image.load()
    except Exception as error:
        raise ValueError(_flaw(error)) from error
    return width, height


def decode(data: bytes, *, at_least_px: int | None = None) -> NDArray[np.uint8]:
    """Decode a picture to RGB `(h, w, 3)`, uint8, upright as its EXIF says.

    at_least_px: a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size as long as no side gets shorter than this, which
    is several times faster. Transparent parts become white; an animation is its first frame. Raises ValueError with
    the reason (`unreadable`, `truncated`) if the bytes are no whole picture.
    """
    from PIL import Image, ImageOps

    image = _open(data)
    try:
        if at_least_px is not None:
            image.draft("RGB", (at_least_px, at_least_px))
        image.load()
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I"):  # 16 bits per pixel, grey
            image = Image.fromarray((np.asarray(image).clip(0, 65535) // 257).astype(np.uint8))
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        return np.asarray(image.convert("RGB"))
    except Exception as error:  # Pillow's decoders raise all kinds of errors on damaged files
        raise ValueError(_flaw(error)) from error


def _scans(data: bytes) -> Iterator[int]:
    """Where each pass of a JPEG begins."""
    at = 0
    while (marker := _MARKER.search(data, at)) and marker[1] != _END:
        if marker[1] == _SCAN:
            yield marker.start()
        length = int.from_bytes(data[marker.end() : marker.end() + 2])
        at = marker.end() + length  # over what is in the segment, such as a preview


def _flaw(error: Exception) -> str:
    return "truncated" if "truncated" in str(error) else "unreadable"


def _open(data: bytes) -> "Image":
    from PIL import Image

    try:
        return Image.open(BytesIO(data), formats=_FORMATS)
    except Exception as error:  # as above, and DecompressionBombError
        raise ValueError("unreadable") from error
