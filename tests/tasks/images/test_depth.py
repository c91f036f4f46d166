"""More than 8 bits per sample are scaled to what a file declares or holds: never 16 grey levels, never black."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from tasks.images import photos
from tasks.images.value_range import to_8_bits, value_range

SCENE = np.add.outer(np.arange(40), np.arange(60)) * 40 + 96  # 96..4016, as a camera with 12 bits


def png(values: np.ndarray, **chunks: bytes) -> bytes:
    data = cv2.imencode(".png", values)[1].tobytes()
    for name, content in chunks.items():
        kind = name.encode()
        data = (
            data[:33] + len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4) + data[33:]
        )
    return data


def tiff(values: np.ndarray, **tags: object) -> bytes:
    out = BytesIO()
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        info[int(tag[1:])] = value
    Image.fromarray(values).save(out, "TIFF", tiffinfo=info)
    return out.getvalue()


def raw_tiff(values: np.ndarray, *, photometric: int = 1, sample_format: int = 1, bits: int | None = None) -> bytes:
    """An uncompressed TIFF of one channel, as tifffile, ImageJ or a thermal camera write it."""
    content = values.tobytes()
    entries = [
        (256, 4, values.shape[1]),
        (257, 4, values.shape[0]),
        (258, 3, bits or values.itemsize * 8),
        (259, 3, 1),
        (262, 3, photometric),
        (273, 4, 200),
        (277, 3, 1),
        (278, 4, values.shape[0]),
        (279, 4, len(content)),
        (339, 3, sample_format),
    ]
    body = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return (struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + body).ljust(200, b"\0") + content


def levels(data: bytes) -> np.ndarray:
    pixels = photos.decode(data)
    assert pixels.dtype == np.uint8
    return pixels[..., 0].astype(int)


def assert_scaled(data: bytes, values: np.ndarray, low: float, high: float) -> None:
    expected = np.clip((values.astype(float) - low) * 255 / (high - low), 0, 255)
    assert np.abs(levels(data) - expected).max() <= 0.51


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        (SCENE.astype(np.uint16), 0, 4095),
        ((SCENE // 16).astype(np.uint16), 0, 255),
        ((SCENE // 4).astype(np.uint16), 0, 1023),
        ((SCENE * 4).astype(np.uint16), 0, 16383),
        ((SCENE * 16).astype(np.uint16), 0, 65535),
        ((SCENE // 4 + 27000).astype(np.uint16), 27024, 28004),  # hundredths of a kelvin
        (np.full((40, 60), 32896, np.uint16), 0, 65535),
        (np.full((40, 60), 65535, np.uint16), 0, 65535),
    ],
)
def test_integers_are_scaled_to_the_bits_that_they_use(values: np.ndarray, low: int, high: int) -> None:
    assert_scaled(png(values), values, low, high)
    assert_scaled(tiff(values), values, low, high)
    assert_scaled(raw_tiff(values), values, low, high)


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        (SCENE / 4016, 0, 1),
        (SCENE / 16, 0, 255),
        (SCENE * 1.0, 96, 4016),
        (SCENE * 10.0, 0, 65535),
        (SCENE / 4016 - 0.5, 96 / 4016 - 0.5, 0.5),
        (SCENE / 3900, 96 / 3900, 4016 / 3900),  # a little more than 1, as after resampling
        (SCENE * 1e6, 96e6, 4016e6),
    ],
)
def test_fractions_are_scaled_to_a_usual_range_or_to_what_they_hold(
    values: np.ndarray, low: float, high: float
) -> None:
    assert_scaled(tiff(values.astype(np.float32)), values, low, high)


CELSIUS = SCENE / 160 + 10  # 10.6..35.1


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        (CELSIUS.astype(np.float32), 10.6, 35.1),
        ((CELSIUS + 273.15).astype(np.float32), 283.75, 308.25),
        ((CELSIUS * 255 + 27315).astype(np.uint16), 30018, 36265),  # 24 of 256 levels, far from 0
    ],
)
def test_temperatures_use_all_grey_levels(values: np.ndarray, low: float, high: float) -> None:
    np.testing.assert_allclose(levels(tiff(values)), (values - low) * (255 / (high - low)), atol=2)


@pytest.mark.parametrize("pixel", [0, 65535])
def test_a_dead_or_hot_pixel_does_not_take_the_grey_levels(pixel: int) -> None:
    values = (SCENE // 4 + 27000).astype(np.uint16)
    values[20, 30] = pixel
    for data in (tiff(values), png(values)):
        found = levels(data)
        assert np.percentile(found, 99) - np.percentile(found, 1) > 200
    stars = np.full((100, 100), 20, np.uint16)  # a night sky is not far from 0
    stars[:50] = 300
    stars[5, 5] = 65535
    assert levels(tiff(stars)).mean() < 3


@pytest.mark.parametrize("mark", [-9999, -3.4028235e38, 3.4028235e38, -32768, np.nan])
def test_marks_for_no_data_are_black_and_do_not_count(mark: float) -> None:
    values = CELSIUS.astype(np.float32)
    values[:10] = mark
    found = levels(tiff(values))
    assert not found[:10].any()
    low, high = CELSIUS[10:].min(), CELSIUS[10:].max()
    np.testing.assert_allclose(found[10:], (CELSIUS[10:] - low) * 255 / (high - low), atol=0.6)
    assert not levels(tiff(np.full((4, 4), mark, np.float32))).any()


def test_the_mark_for_no_data_of_gdal_is_read() -> None:
    values = (SCENE * 4).astype(np.uint16)
    values[:10] = 65535
    found = levels(tiff(values, _42113="65535"))
    assert not found[:10].any()
    np.testing.assert_allclose(found[10:], values[10:] * (255 / 16383), atol=0.51)


def test_nan_is_black_and_infinity_is_white() -> None:
    values = (SCENE / 4016).astype(np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    found = levels(tiff(values))
    assert found[0, :3].tolist() == [0, 255, 0]
    assert found[20, 30] == pytest.approx(255 * values[20, 30], abs=1)
    assert not levels(tiff(np.full((4, 4), np.nan, np.float32))).any()


@pytest.mark.parametrize(
    ("values", "sample_format", "low", "high"),
    [
        (SCENE.astype(np.int32) * 60, 2, 5760, 240960),
        (SCENE.astype(np.int16) - 2000, 2, -1904, 2016),
        (SCENE.astype(np.uint32) * 1_000_000, 1, 96e6, 4016e6),
        ((SCENE // 16 - 128).astype(np.int8), 2, -122, 123),
    ],
)
def test_signed_and_long_integers_are_scaled_to_what_they_hold(
    values: np.ndarray, sample_format: int, low: float, high: float
) -> None:
    assert_scaled(raw_tiff(values, sample_format=sample_format), values, low, high)


def test_a_declared_range_is_used_if_it_contains_all_values() -> None:
    dark = (SCENE // 8).astype(np.uint16)
    assert_scaled(tiff(dark, _340=0, _341=4095), dark, 0, 4095)
    assert_scaled(tiff(dark, _280=0, _281=1023), dark, 0, 1023)
    assert_scaled(tiff(dark, _340=0, _341=100), dark, 0, 1023)  # it doesn't
    assert_scaled(png(dark, sBIT=b"\x0c"), dark, 0, 4095)
    assert_scaled(png(SCENE.astype(np.uint16) * 16, sBIT=b"\x0c"), SCENE * 16, 0, 65535)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int32])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiffs_that_pillow_does_not_decode(kind: type, channels: int) -> None:
    bgr = np.dstack([SCENE, SCENE[::-1], SCENE // 2, SCENE][:channels])
    values = (bgr * 20 if kind == np.int32 else bgr / 4016).astype(kind)
    data = cv2.imencode(".tif", values)[1].tobytes()
    assert photos.size_px(data) == photos.check(data, most_px=1e4) == (60, 40)
    rgb = bgr[..., [2, 1, 0] if channels > 2 else [0, 0, 0]]
    low = bgr[..., :3].min() if kind == np.int32 else 0
    np.testing.assert_allclose(photos.decode(data), (rgb - low) * (255 / (4016 - low)), atol=2)
    with pytest.raises(ValueError, match=r"truncated|unreadable"):
        photos.decode(data[: len(data) // 2])


def test_white_is_zero_is_inverted() -> None:
    values = SCENE.astype(np.uint16)
    assert_scaled(raw_tiff(values, photometric=0), 4095 - values.astype(int), 0, 4095)


@pytest.mark.parametrize("write", [png, lambda pixels: cv2.imencode(".tif", pixels)[1].tobytes()])
def test_colours_of_16_bits_keep_all_bits_and_one_range(write: Callable[[np.ndarray], bytes]) -> None:
    bgr = np.dstack([SCENE // 2, SCENE[::-1], SCENE]).astype(np.uint16)
    pixels = photos.decode(write(bgr))
    np.testing.assert_allclose(pixels, bgr[..., ::-1] * (255 / 4095), atol=0.51)
    clear = np.dstack([bgr, np.where(SCENE > 2000, 65535, 0).astype(np.uint16)])
    over_white = photos.decode(write(clear))
    np.testing.assert_array_equal(over_white[SCENE <= 2000], 255)
    np.testing.assert_array_equal(over_white[SCENE > 2000], pixels[SCENE > 2000])


def test_a_truncated_png_of_16_bits_is_refused() -> None:
    data = png(np.random.default_rng(0).integers(0, 4096, (40, 60, 3), np.uint16))
    with pytest.raises(ValueError, match=r"truncated|unreadable"):
        photos.decode(data[: len(data) // 2])


def test_a_transparent_grey_of_16_bits_is_white() -> None:
    values = SCENE.astype(np.uint16)
    found = levels(png(values, tRNS=int(values[5, 5]).to_bytes(2)))
    assert (found[values == values[5, 5]] == 255).all()
    assert found[0, 0] == 6


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "LA", "RGBA", "CMYK", "YCbCr"])
@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_deflate"])
def test_tiffs_of_8_bits_are_what_pillow_decodes(mode: str, compression: str | None) -> None:
    out = BytesIO()
    image = Image.fromarray((SCENE // 16).astype(np.uint8)).convert("RGB").convert(mode)
    image.save(out, "TIFF", compression=compression)
    np.testing.assert_array_equal(photos.decode(out.getvalue()), np.asarray(image.convert("RGB")))


def test_the_first_page_and_the_first_frame_are_taken() -> None:
    first, second = Image.new("RGB", (60, 40), "red"), Image.new("RGB", (60, 40), "blue")
    for kind in ("TIFF", "GIF", "WEBP", "MPO"):
        out = BytesIO()
        first.save(out, kind, save_all=True, append_images=[second])
        np.testing.assert_allclose(photos.decode(out.getvalue())[20, 30], (255, 0, 0), atol=3)


def test_the_range_of_one_value_is_not_stretched() -> None:
    assert value_range(np.full(4, 700, np.uint16)) == (0, 1023)
    assert value_range(np.zeros(4, np.float32)) == (0, 1)
    assert value_range(np.full(4, -3.0)) == (-3, -2)
    assert value_range(np.array([250, 255], np.uint16)) == (0, 255)
    assert to_8_bits(np.array([-5, 0, 5, 10, 99]), 0, 10).tolist() == [0, 0, 128, 255, 255]
