"""Decoding with TensorFlow gives the same pixels as with Pillow."""

import zlib
from io import BytesIO

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tasks.images import photos
from tasks.inference.export.tf_decode import decode

AT_LEAST_PX = 24


@tf.function(input_signature=[tf.TensorSpec((), tf.string)])
def graph(photo: tf.Tensor) -> tf.Tensor:
    return decode(photo, at_least_px=AT_LEAST_PX)


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (height, width, 4), np.uint8)
    return Image.fromarray(values, "RGBA").convert(mode)


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def rotated(orientation: int, endian: str = "<") -> Image.Exif:
    exif = Image.Exif()
    exif.endian = endian
    exif[0x010F] = "a maker"
    exif[0x0112] = orientation
    return exif


def assert_same_pixels(data: bytes) -> None:
    np.testing.assert_array_equal(graph(data).numpy(), photos.decode(data, at_least_px=AT_LEAST_PX))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(20, 50), (47, 99), (60, 48), (97, 96), (200, 193), (24, 800)])
def test_a_large_jpeg_is_decoded_at_a_fraction_of_its_size(size: tuple[int, int]) -> None:
    assert_same_pixels(encoded(noise(*size)))


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_jpegs(mode: str) -> None:
    assert_same_pixels(encoded(noise(60, 40, mode), progressive=True))


@pytest.mark.parametrize("orientation", range(10))
def test_exif_orientation_is_applied(orientation: int) -> None:
    assert_same_pixels(encoded(noise(60, 40), exif=rotated(orientation)))


def test_big_endian_exif_after_other_segments() -> None:
    data = encoded(noise(60, 40), exif=rotated(6, ">"), icc_profile=bytes(70_000), comment=b"none")
    assert_same_pixels(data[:2] + b"\xff\xe1\x00\x0ahttp://a" + data[2:])


XMP = b'<rdf:Description tiff:Orientation="8"/>'


def with_segment(data: bytes, content: bytes, marker: bytes = b"\xe1") -> bytes:
    return data[:2] + b"\xff" + marker + (len(content) + 2).to_bytes(2) + content + data[2:]


def with_chunk(data: bytes, name: bytes, content: bytes, *, at: int = 33) -> bytes:
    """Insert a chunk into a PNG; by default before, with at=-12 after its pixels."""
    chunk = len(content).to_bytes(4) + name + content + zlib.crc32(name + content).to_bytes(4)
    return data[:at] + chunk + data[at:]


def test_the_orientation_of_xmp_data_counts_if_exif_has_none() -> None:
    xmp = b"http://ns.adobe.com/xap/1.0/\0" + XMP
    assert_same_pixels(with_segment(encoded(noise(60, 40)), xmp))
    for orientation in (1, 6, 9):
        assert_same_pixels(with_segment(encoded(noise(60, 40), exif=rotated(orientation)), xmp))


def test_an_orientation_of_another_type_is_ignored() -> None:
    tiff = rotated(6).tobytes().removeprefix(b"Exif\0\0")
    for wrong in (b"\x12\x01\x04\x00\x01\x00", b"\x12\x01\x03\x00\x02\x00"):
        changed = tiff.replace(b"\x12\x01\x03\x00\x01\x00", wrong)
        assert changed != tiff
        assert_same_pixels(with_segment(encoded(noise(60, 40)), b"Exif\0\0" + changed))


def test_pngs_are_turned() -> None:
    data, tiff = encoded(noise(60, 40), "PNG"), rotated(6).tobytes().removeprefix(b"Exif\0\0")
    assert_same_pixels(with_chunk(data, b"eXIf", tiff))
    assert_same_pixels(with_chunk(data, b"eXIf", tiff, at=-12))
    assert_same_pixels(with_chunk(data, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP))
    assert_same_pixels(with_chunk(data, b"iTXt", b"Comment\0\0\0\0\0" + XMP))


SCENE = (np.add.outer(np.arange(40), np.arange(60)) * 40 + 96).astype(np.uint16)


@pytest.mark.parametrize(
    "values",
    [
        SCENE,
        SCENE // 16,
        SCENE * 16,
        SCENE // 4 + 27000,
        np.full((40, 60), 700, np.uint16),
        SCENE + 27000,
        np.where(SCENE == 2096, 0, SCENE // 4 + 27000).astype(np.uint16),  # more dead pixels than are left out
        np.where(SCENE == 96, 65535, SCENE // 4 + 27000).astype(np.uint16),
        np.dstack([SCENE, SCENE[::-1], SCENE // 2]),
        np.dstack([SCENE, SCENE[::-1], SCENE // 2, SCENE]),
        np.dstack([SCENE, SCENE[::-1], SCENE // 2, SCENE * 16]),
    ],
)
def test_pngs_of_16_bits_are_scaled(values: np.ndarray) -> None:
    data = cv2.imencode(".png", values)[1].tobytes()
    assert_same_pixels(data)
    for bits in (10, 12, 16):
        assert_same_pixels(with_chunk(data, b"sBIT", bytes([bits] * values.shape[2] if values.ndim == 3 else [bits])))


def test_transparent_colours_become_white() -> None:
    assert_same_pixels(encoded(noise(30, 40, "L"), "PNG", transparency=7))
    red = Image.new("RGB", (30, 40), "red")
    red.paste("blue", (5, 5, 9, 9))
    assert_same_pixels(encoded(red, "PNG", transparency=(255, 0, 0)))
    assert_same_pixels(encoded(noise(30, 40).quantize(16), "PNG", transparency=3))
    for deep in (SCENE, np.dstack([SCENE] * 3)):
        key = int(SCENE[5, 5]).to_bytes(2) * (1 if deep.ndim == 2 else 3)
        assert_same_pixels(with_chunk(cv2.imencode(".png", deep)[1].tobytes(), b"tRNS", key))


def test_what_only_fluke_decodes_is_refused() -> None:
    cmyk = encoded(noise(60, 40, "CMYK"))
    at = cmyk.index(b"\xff\xee")
    without_adobe = cmyk[:at] + cmyk[at + 2 + int.from_bytes(cmyk[at + 2 : at + 4]) :]
    png = encoded(noise(60, 40), "PNG")
    compressed = with_chunk(png, b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP))
    raw = with_chunk(png, b"tEXt", b"Raw profile type exif\0\nexif\n")
    for data in (without_adobe, compressed, raw):
        photos.decode(data)
        with pytest.raises(tf.errors.InvalidArgumentError, match="convert it"):
            graph(data)


@pytest.mark.parametrize("end", range(30, 56, 3))
def test_truncated_exif_is_ignored(end: int) -> None:
    data = encoded(noise(60, 40), exif=rotated(6))
    tiff = data[30:56]  # after FFD8, FFE1, two bytes of length, "Exif" and two zeros
    assert tiff.startswith(b"II")
    exif = b"Exif\0\0" + tiff[: end - 30]
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2) + exif
    assert graph(data[:2] + segment + encoded(noise(60, 40))[2:]).shape == (40, 60, 3)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "L", "P", "1"])
def test_png(mode: str) -> None:
    assert_same_pixels(encoded(noise(30, 40, mode), "PNG"))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "AVIF", "TIFF"])
def test_other_formats_are_refused(kind: str) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="photos must be JPEG or PNG"):
        graph(encoded(noise(30, 40), kind, save_all=True, append_images=[noise(30, 40)]))


@pytest.mark.parametrize("data", [b"", b"<html>", b"\xff\xd8\xff", encoded(noise(60, 40))[:900]])
def test_incomplete_files_are_refused(data: bytes) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError):
        graph(data)
