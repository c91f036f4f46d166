"""The statistics of a photo mean what their names say."""

from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from tasks.filter import image_stats
from tasks.images import photos


def noise(seed: int = 0, side_px: int = 256) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side_px, side_px), np.uint8)


def encoded(grey: np.ndarray, kind: str = "PNG") -> bytes:
    out = BytesIO()
    Image.fromarray(grey).save(out, kind)
    return out.getvalue()


def test_a_photo_that_cannot_be_decoded_has_the_reason_and_no_statistics() -> None:
    for data, reason in ((b"<html>", "web page"), (b"", "empty file"), (b"\xff\xd8\xff", "unreadable")):
        assert image_stats.compute_stats(data)["flaw"] == reason.encode()
    assert max(map(len, photos.PROBLEMS)) <= image_stats.STATS_DTYPE["flaw"].itemsize
    cut = image_stats.compute_stats(encoded(noise(), "JPEG")[:5000])
    assert cut["flaw"] == b"truncated"
    assert (cut["width_px"], cut["height_px"]) == (256, 256)


def test_grey_quantiles_are_not_exceeded_by_these_shares_of_the_pixels() -> None:
    grey = np.repeat(np.arange(100, dtype=np.uint8), 7).reshape(7, 100)
    assert image_stats.grey_quantiles(grey, (0.01, 0.05, 0.5, 0.99, 1.0)) == [0, 4, 49, 98, 99]


def test_blur_lowers_the_sharpness_and_dimming_does_not() -> None:
    sharp = image_stats.sharpness(noise())
    assert image_stats.sharpness(cv2.GaussianBlur(noise(), (0, 0), 3)) < sharp / 10
    assert image_stats.sharpness(noise() // 4 + 90) == pytest.approx(sharp, rel=0.02)
    assert image_stats.sharpness(np.full((9, 9), 7, np.uint8)) == 0


def test_large_photos_are_shrunk_and_small_ones_are_not_enlarged() -> None:
    assert image_stats.reduced(np.zeros((1000, 500, 3), np.uint8)).shape == (256, 128)
    assert image_stats.reduced(np.zeros((30, 20, 3), np.uint8)).shape == (30, 20)
    assert image_stats.reduced(np.zeros((1, 5000, 3), np.uint8)).shape == (1, 256)


def test_statistics_hardly_depend_on_the_size_of_the_photo() -> None:
    large = cv2.resize(noise(1, 24), (1200, 1200), interpolation=cv2.INTER_CUBIC)
    small = cv2.resize(large, (300, 300), interpolation=cv2.INTER_AREA)
    one, other = image_stats.compute_stats(encoded(large, "JPEG")), image_stats.compute_stats(encoded(small, "JPEG"))
    assert abs(int(one["p99"]) - int(other["p99"])) <= 4
    assert other["sharpness"] == pytest.approx(one["sharpness"], rel=0.15)
    assert np.bitwise_count(one["hash"] ^ other["hash"]).sum() <= 10


def test_the_colour_layout_has_the_mean_colour_of_each_part() -> None:
    pixels = np.zeros((80, 120, 3), np.uint8)
    pixels[:20] = 255, 0, 0
    pixels[20:] = 77
    layout = image_stats.colour_layout(pixels).astype(int)
    assert layout.shape == (4, 4, 3)
    assert layout[0, :, 0] == pytest.approx(76, abs=1)  # luma of red
    assert (layout[0, :, 1:] > 190).all()
    assert layout[1:, :, 0] == pytest.approx(77, abs=1)
    assert layout[1:, :, 1:] == pytest.approx(128, abs=1)
    assert image_stats.colour_layout(pixels[:2, :3]).shape == (4, 4, 3)  # smaller than the layout
