"""Recognise the format of a photo, and what a file is instead, by its content; names of files don't count."""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

EXTENSIONS = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"),
        *(".avif", ".heic", ".heif", ".hif"),
    }
)
"""File names that end in one of these, in any case, are photos; the content decides how they are decoded."""

UNKNOWN = "bin"
"""The extension of a format that isn't one of a photo."""
_SIGNATURES = {
    b"\xff\xd8\xff": "jpg",
    b"\x89PNG\r\n\x1a\n": "png",
    b"GIF87a": "gif",
    b"GIF89a": "gif",
    b"BM": "bmp",
    b"II*\x00": "tif",
    b"MM\x00*": "tif",
    b"II+\x00": "tif",
    b"MM\x00+": "tif",
}
_AVIF = {b"avif", b"avis"}
_HEIF = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_CONTAINERS = {b"mif1", b"msf1"}
"""Brands of HEIF files whose other brands say how the pixels are compressed."""
_BEGINNING = 1024
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")
"""The start of a segment of a JPEG, with its type."""
_SCAN, _END = b"\xda", b"\xd9"


class Foreign(NamedTuple):
    """What a file is that isn't a photo."""

    reason: str
    """A few words, as the filter's reason."""
    description: str
    """Continues a sentence that begins with the file's name, and says what to do."""


_LFS = Foreign("Git LFS pointer", "is a Git LFS pointer, not the photo: run `git lfs pull`")
_ANNEX = Foreign("git-annex pointer", "is a git-annex pointer, not the photo: run `git annex get`")
_EMPTY = Foreign("empty file", "is empty (0 bytes): copy or download the photo again")
_ZEROS = Foreign("empty file", "contains nothing but zeros, as after an interrupted copy: copy the photo again")
_PAGE = Foreign("web page", "is a web page, not a photo: download the photo itself")
_CLOUD = Foreign("cloud placeholder", "is a placeholder of a cloud drive, not the photo: download the photo first")
_OTHER = "not a photo"
_SVG = Foreign(_OTHER, "is an SVG drawing, not a photo: convert it to PNG or remove it")
_TEXT = Foreign(_OTHER, "is text (XML or JSON), as servers send with an error: download the photo again")
_VIDEO = Foreign(_OTHER, "is a video, or a photo in a format that fluke can't decode: convert it to JPEG or remove it")
_OTHERS = {
    b"\x00\x05\x16\x07": "macOS metadata (AppleDouble)",
    b"%PDF": "a PDF document",
    b"%!PS": "a PostScript document",
    b"8BPS": "a Photoshop document",
    b"PK\x03\x04": "a ZIP archive or an office document",
    b"Rar!": "a RAR archive",
    b"\x1f\x8b": "a gzip file",
    b"\x00\x00\x00\x0cjP  ": "a JPEG 2000 file, which fluke can't decode",
    b"\x00\x00\x00\x0cJXL ": "a JPEG XL file, which fluke can't decode",
    b"\xff\x0a": "a JPEG XL file, which fluke can't decode",
    b"FUJIFILMCCD-RAW": "a camera's raw file, which fluke can't decode",
    b"IIU\x00": "a camera's raw file, which fluke can't decode",
    b"IIRO": "a camera's raw file, which fluke can't decode",
    b"\x1aE\xdf\xa3": "a video",
}


def extension(data: bytes) -> str:
    """Return the file extension for a photo's content, not for its name; `bin` if the format is unknown."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[4:8] == b"ftyp":
        return _isobmff(data)
    return next((name for magic, name in _SIGNATURES.items() if data.startswith(magic)), UNKNOWN)


def _isobmff(data: bytes) -> str:
    """Return the extension of a file that begins with a file type box (ISO/IEC 14496-12, 4.3)."""
    brand, length = data[8:12], min(int.from_bytes(data[:4]), _BEGINNING)
    compatible = {data[at : at + 4] for at in range(16, length, 4)}
    if brand in _AVIF or (brand in _CONTAINERS and compatible & _AVIF):
        return "avif"
    return "heic" if brand in _HEIF else UNKNOWN


def foreign(data: bytes) -> Foreign | None:
    """Return what a file is instead of a photo; None if it is a photo, or if that isn't known.

    Args:
        data: The content of the file, at least its first 1024 bytes.
    """
    if not data:
        return _EMPTY
    if extension(data) != UNKNOWN:
        return None
    text = data[:_BEGINNING].removeprefix(b"\xef\xbb\xbf").lstrip()
    for found, begins in (
        (_LFS, text.startswith((b"version https://git-lfs", b"version https://hawser"))),
        (_ANNEX, b"/annex/objects/" in text[:100]),
        (_PAGE, text[:9].lower().startswith((b"<!doctype", b"<html", b"<head", b"<body", b"<script"))),
        (_CLOUD, data.startswith(b"bplist00")),
        (_SVG, text.startswith((b"<?xml", b"<svg")) and b"<svg" in text),
        (_TEXT, text.startswith((b"<?xml", b"{", b"["))),
        (_VIDEO, data[4:8] == b"ftyp"),
        (_ZEROS, not data.strip(b"\0")),
    ):
        if begins:
            return found
    what = next((what for magic, what in _OTHERS.items() if data.startswith(magic)), None)
    return Foreign(_OTHER, f"is {what}, not a photo: replace, convert or remove it") if what else None


def webp_size_px(data: bytes) -> tuple[int, int] | None:
    """Read width and height from the header of a WebP file; None if it is damaged.

    Pillow reserves the memory for all pixels when it opens the file. The format is that of RFC 9649, 2.5 to 2.7.
    """
    chunk = data[12:16]
    if chunk == b"VP8 " and data[23:26] == b"\x9d\x01\x2a" and len(data) >= 30:
        return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    if chunk == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8X" and len(data) >= 30:
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    return None


def tiff_tags(data: bytes) -> dict[int, int]:
    """Return the tags of the first page of a TIFF whose values are whole numbers: of several values the first.

    It is empty if the directory is damaged, and for a BigTIFF. See TIFF 6.0, section 2.
    """
    order: Literal["little", "big"] = "little" if data[:1] == b"I" else "big"

    def number(at: int, length: int) -> int:
        return int.from_bytes(data[at : at + length], order)

    sizes = {1: 1, 3: 2, 4: 4}
    tags = {}
    if data[:4] in (b"II*\x00", b"MM\x00*"):
        start = number(4, 4) + 2
        for at in range(start, min(start + 12 * number(start - 2, 2), len(data) - 11), 12):
            if size := sizes.get(number(at + 2, 2)):
                fits = size * number(at + 4, 4) <= 4
                tags[number(at, 2)] = number(at + 8 if fits else number(at + 8, 4), size)
    return tags


def png_chunk(data: bytes, name: bytes) -> bytes | None:
    """Return the content of a chunk of a PNG before its pixels; None if there is none."""
    at = 8
    while at + 8 <= len(data) and (kind := data[at + 4 : at + 8]) != b"IDAT":
        length = int.from_bytes(data[at : at + 4])
        if kind == name:
            return data[at + 8 : at + 8 + length]
        at += 12 + length
    return None


def jpeg_scans(data: bytes) -> Iterator[int]:
    """Yield the position of each scan of a JPEG."""
    at = 0
    while (marker := _MARKER.search(data, at)) and marker[1] != _END:
        if marker[1] == _SCAN:
            yield marker.start()
        length = int.from_bytes(data[marker.end() : marker.end() + 2])
        at = marker.end() + length  # skip the content of the segment, such as a preview
