"""Read from the EXIF data of a photo when it was taken, and by which camera.

Only these tags are read. Damaged EXIF data, or another tag that is damaged, doesn't matter: what can't be read counts
as not given.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from tasks.images.formats import extension

_MAKE, _MODEL, _EXIF_DIRECTORY = 0x010F, 0x0110, 0x8769
_TIME, _OFFSET, _SUBSECONDS, _SERIAL = 0x9003, 0x9011, 0x9291, 0xA431
"""DateTimeOriginal, OffsetTimeOriginal, SubSecTimeOriginal and BodySerialNumber of EXIF 2.32 (CIPA DC-008). The tag
DateTime isn't used: programs that edit photos set it, and then it is about the same for all of them."""
_ASCII, _LONG, _DIRECTORY = 2, 4, 13
_EXIF = b"Exif\0\0"
_HEAD_BYTES = 1 << 18
"""A JPEG's EXIF data is in one of its first segments, of at most 64 KiB each."""
_DATE = re.compile(r"(\d{4})[:/.-](\d\d)[:/.-](\d\d)[ T](\d\d):(\d\d):(\d\d)")
_ZONE = re.compile(r"([+-])(\d\d):?(\d\d)")


class Taken(NamedTuple):
    """When a photo was taken, and by which camera."""

    camera: tuple[str, str, str]
    """Make, model and serial number; those that aren't given are empty, but not both make and model."""
    local_ms: int
    """Time on the clock of the camera, in milliseconds since 1970."""
    offset_min: int | None
    """What this clock is ahead of UTC, in minutes; None if it isn't given."""


class Entry(NamedTuple):
    """A tag of a directory."""

    kind: int
    """The type of the value: 2 is text, 3 an integer of 16 bits, 4 one of 32 bits."""
    size: int
    """Number of characters of a text, or of integers."""
    at: int
    """Position of the value, or of its position if it has more than 4 bytes."""


class Tiff:
    """The directories of tags in EXIF data, which has the form of a TIFF file."""

    def __init__(self, data: bytes) -> None:
        """Take EXIF data, with or without the mark `Exif` before it."""
        self.data = data.removeprefix(_EXIF)
        self.is_valid = self.data[:2] in (b"II", b"MM")

    def number(self, at: int, length: int) -> int:
        """Return the integer of some bytes; bytes beyond the end count as missing."""
        return int.from_bytes(self.data[at : at + length], "little" if self.data[:1] == b"I" else "big")

    def directory(self, start: int | None = None) -> dict[int, Entry]:
        """Return the tags of the directory at a position, the first one by default; empty if it can't be read."""
        return dict(reversed(list(self._entries(self.number(4, 4) if start is None else start))))

    def _entries(self, start: int) -> Iterator[tuple[int, Entry]]:
        if self.is_valid:
            end = min(start + 2 + 12 * self.number(start, 2), len(self.data) - 11)
            for at in range(start + 2, end, 12):
                yield self.number(at, 2), Entry(self.number(at + 2, 2), self.number(at + 4, 4), at + 8)

    def text(self, entry: Entry | None) -> str:
        """Return the text of a tag without spaces around it; empty if there is none, or if it is no text."""
        if entry is None or entry.kind != _ASCII:
            return ""
        start = entry.at if entry.size <= 4 else self.number(entry.at, 4)
        return self.data[start : start + entry.size].split(b"\0")[0].decode("latin-1").strip()


def read_taken(path: Path) -> Taken | None:
    """Return when and by which camera a stored photo was taken; None if its EXIF data doesn't say both.

    Raises:
        OSError: The file can't be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        data = head if extension(head) == "jpg" else head + file.read()
    return when_taken(exif_data(data) or b"")


def when_taken(exif: bytes) -> Taken | None:
    """Return when and by which camera a photo was taken; None if its EXIF data doesn't say both."""
    tiff = Tiff(exif)
    first = tiff.directory()
    pointer = first.get(_EXIF_DIRECTORY)
    if pointer is None or pointer.kind not in (_LONG, _DIRECTORY):
        return None
    details = tiff.directory(tiff.number(pointer.at, 4))
    camera = (tiff.text(first.get(_MAKE)), tiff.text(first.get(_MODEL)), tiff.text(details.get(_SERIAL)))
    local_ms = _local_ms(tiff.text(details.get(_TIME)), tiff.text(details.get(_SUBSECONDS)))
    if local_ms is None or not any(camera[:2]):
        return None
    return Taken(camera, local_ms, _offset_min(tiff.text(details.get(_OFFSET))))


def exif_data(photo: bytes) -> bytes | None:
    """Return the EXIF data of a photo, which has the form of a TIFF file; None if it has none or is damaged."""
    kind = extension(photo)
    if kind == "jpg":
        return next((part for part in _jpeg_segments(photo) if part.startswith(_EXIF)), None)
    if kind == "png":
        return next((part for name, part in _png_chunks(photo) if name == b"eXIf"), None)
    if kind == "webp":
        return next((part for name, part in _webp_chunks(photo) if name == b"EXIF"), None)
    if kind == "tif":
        return photo
    return _opened_exif(photo, kind) if kind in ("heic", "avif") else None


def _opened_exif(photo: bytes, kind: str) -> bytes | None:
    """Return the EXIF data of a HEIC or AVIF; only the header is read."""
    from PIL import Image

    try:
        if kind == "heic":
            from pi_heif import HeifImageFile

            exif = HeifImageFile(BytesIO(photo)).info.get("exif")
        else:
            exif = Image.open(BytesIO(photo), formats=("AVIF",)).info.get("exif")
    except Exception:  # decoders raise errors of many types for damaged files; what reads their pixels reports them
        return None
    return exif if isinstance(exif, bytes) else None


def _jpeg_segments(photo: bytes) -> Iterator[bytes]:
    """Yield the content of each APP1 segment before the pixels."""
    at = 2
    while photo[at : at + 1] == b"\xff" and (marker := photo[at + 1 : at + 2]) not in (b"", b"\xda", b"\xd9"):
        if marker == b"\xff":  # a filler
            at += 1
            continue
        length = int.from_bytes(photo[at + 2 : at + 4])
        if marker == b"\xe1":
            yield photo[at + 4 : at + 2 + length]
        at += 2 + max(2, length)


def _png_chunks(photo: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 8 <= len(photo):
        length = int.from_bytes(photo[at : at + 4])
        yield photo[at + 4 : at + 8], photo[at + 8 : at + 8 + length]
        at += 12 + length


def _webp_chunks(photo: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(photo):
        length = int.from_bytes(photo[at + 4 : at + 8], "little")
        yield photo[at : at + 4], photo[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _local_ms(date: str, subseconds: str) -> int | None:
    found = _DATE.match(date)
    try:
        moment = datetime.strptime(" ".join(found.groups()), "%Y %m %d %H %M %S") if found else None
    except ValueError:  # such as 0000:00:00, of a camera whose clock isn't set
        return None
    if moment is None:
        return None
    digits = re.match(r"\d*", subseconds)
    milliseconds = int(f"{digits[0] if digits else '':0<3}"[:3])
    return round((moment - datetime(1970, 1, 1)).total_seconds()) * 1000 + milliseconds


def _offset_min(zone: str) -> int | None:
    if zone == "Z":
        return 0
    found = _ZONE.fullmatch(zone)
    if not found:
        return None
    minutes = 60 * int(found[2]) + int(found[3])
    return -minutes if found[1] == "-" else minutes
