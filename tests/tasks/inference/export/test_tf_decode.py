"""Decoding with TensorFlow gives the same pixels as with Pillow."""

from io import BytesIO

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


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_other_formats_are_refused(kind: str) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="photos must be JPEG or PNG"):
        graph(encoded(noise(30, 40), kind, save_all=True, append_images=[noise(30, 40)]))


@pytest.mark.parametrize("data", [b"", b"<html>", b"\xff\xd8\xff", encoded(noise(60, 40))[:900]])
def test_incomplete_files_are_refused(data: bytes) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError):
        graph(data)
