"""Only the orientation matters of the EXIF and XMP data, however damaged the rest is."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from tasks.images import photos
from tasks.images.orientation import as_stored, of_exif
from tests.helpers.heic import HEIC


def photo() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8))


def encoded(kind: str, **options: object) -> bytes:
    out = BytesIO()
    photo().save(out, kind, **options)
    return out.getvalue()


def tiff(*entries: tuple[int, int, int, bytes], order: str = "<") -> bytes:
    """EXIF data with these entries: tag, type, count, and the four bytes of the value."""
    body = b"".join(struct.pack(f"{order}HHI4s", *entry) for entry in entries)
    return struct.pack(f"{order}2sHIH", b"II" if order == "<" else b"MM", 42, 8, len(entries)) + body + bytes(4)


def jpeg_with(exif: bytes) -> bytes:
    data, segment = encoded("JPEG"), b"Exif\0\0" + exif
    return data[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2) + segment + data[2:]


SIX = (0x0112, 3, 1, b"\6\0\0\0")


@pytest.mark.parametrize(
    "other",
    [
        (0x010F, 3, 1, b"\7\0\0\0"),  # the maker as a number
        (0x8769, 4, 1, b"\xff\xff\xff\x7f"),  # a directory outside the file
        (0x011A, 5, 1, b"\0\0\0\0"),  # a resolution whose value is the header
        (0x927C, 7, 0x7FFFFFFF, b"\0\0\0\0"),  # a maker note longer than the file
        (0xA432, 12, 9, b"\xff\xff\xff\xff"),
        (0x9286, 99, 1, b"none"),  # a type that doesn't exist
    ],
)
def test_another_damaged_tag_does_not_matter(other: tuple[int, int, int, bytes]) -> None:
    upright = photos.decode(encoded("JPEG"))
    for entries in ((other, SIX), (SIX, other)):
        np.testing.assert_array_equal(photos.decode(jpeg_with(tiff(*entries))), np.rot90(upright, -1))
    np.testing.assert_array_equal(photos.decode(jpeg_with(tiff(other))), upright)


@pytest.mark.parametrize(
    "entry",
    [
        (0x0112, 3, 1, b"\0\0\0\0"),
        (0x0112, 3, 1, b"\x09\0\0\0"),
        (0x0112, 4, 1, b"\6\0\0\0"),  # LONG
        (0x0112, 5, 1, b"\6\0\0\0"),  # a fraction
        (0x0112, 3, 2, b"\6\0\6\0"),  # a list
        (0x0112, 2, 2, b"6\0\0\0"),  # text
    ],
)
def test_an_invalid_orientation_means_upright(entry: tuple[int, int, int, bytes]) -> None:
    assert of_exif(tiff(entry)) == 1
    np.testing.assert_array_equal(photos.decode(jpeg_with(tiff(entry))), photos.decode(encoded("JPEG")))


@pytest.mark.parametrize(
    "exif", [b"", b"II", b"II*\0", tiff(SIX)[:15], b"??" + tiff(SIX)[2:], b"II*\0\xff\xff\xff\xff"]
)
def test_damaged_exif_data_has_no_orientation(exif: bytes) -> None:
    assert of_exif(exif) is None
    assert photos.decode(jpeg_with(exif)).shape == (40, 60, 3)


def test_both_byte_orders_are_read() -> None:
    assert of_exif(b"Exif\0\0" + tiff(SIX)) == 6
    assert of_exif(tiff((0x0112, 3, 1, b"\0\x08\0\0"), order=">")) == 8


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def png_chunk(data: bytes, name: bytes, content: bytes) -> bytes:
    """Insert a chunk after the pixels of a PNG."""
    chunk = len(content).to_bytes(4) + name + content + zlib.crc32(name + content).to_bytes(4)
    return data[:-12] + chunk + data[-12:]


def test_png_webp_avif_and_tiff_are_turned_once() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    raw = PngImagePlugin.PngInfo()
    raw.add_text("Raw profile type exif", f"\nexif\n{len(tiff(SIX)) + 6}\n{(b'Exif' + bytes(2) + tiff(SIX)).hex()}\n")
    turned = np.rot90(np.asarray(photo()), -1)
    for data in (
        encoded("PNG", exif=exif),
        png_chunk(encoded("PNG"), b"eXIf", tiff(SIX)),
        png_chunk(encoded("PNG"), b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
        encoded("PNG", pnginfo=raw),
        encoded("WEBP", lossless=True, exif=exif),
        encoded("WEBP", lossless=True, xmp=XMP),
        encoded("TIFF", exif=exif),
        encoded("TIFF", exif=exif, compression="tiff_lzw"),
    ):
        np.testing.assert_array_equal(photos.decode(data), turned)
    assert photos.decode(encoded("AVIF", exif=exif)).shape == turned.shape


def test_exif_data_counts_more_than_xmp_data() -> None:
    data = jpeg_with(tiff((0x0112, 3, 1, b"\1\0\0\0")))
    segment = b"http://ns.adobe.com/xap/1.0/\0" + XMP
    both = data[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2) + segment + data[2:]
    assert photos.decode(both).shape == (40, 60, 3)


def test_a_heic_that_the_decoder_turns_is_not_turned_again() -> None:
    pixels = photos.decode(HEIC)
    assert pixels.shape == (96, 64, 3)
    assert pixels[5, -5].min() > 220
    assert pixels[5, 5].argmax() == 0
    assert pixels[-5, 5].argmax() == 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_as_stored_inverts_what_pillow_does(orientation: int) -> None:
    out = BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo().save(out, "PNG", exif=exif)
    upright = photos.decode(out.getvalue())
    np.testing.assert_array_equal(as_stored(upright, orientation), np.asarray(photo()))
