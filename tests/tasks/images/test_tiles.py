"""Tiles: square without a change of the aspect ratio, and heat maps of tiles mapped back to photos."""

from io import BytesIO
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from configs.schema import PreprocessConfig
from tasks.images import photos, tiles
from tasks.images.tiles import make_tile, map_to_photo, tile_of


def photo(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 200, np.uint8)


@pytest.mark.parametrize(("height", "width"), [(100, 50), (50, 100), (7, 300), (64, 64), (1, 1)])
@pytest.mark.parametrize(("colour", "channels"), [("grey", 1), ("rgb", 3)])
def test_a_tile_is_square_with_the_channels_of_the_setting(height: int, width: int, colour: str, channels: int) -> None:
    tile = make_tile(photo(height, width), PreprocessConfig(side_px=64, colour=colour))
    assert tile.shape == (64, 64, channels)
    assert tile.dtype == np.uint8


def test_the_aspect_ratio_is_kept_by_padding() -> None:
    tile = make_tile(photo(100, 50), PreprocessConfig(side_px=64, pad_value=9))[..., 0]
    assert (tile[:, 16:48] == 200).all()
    assert (tile[:, :16] == 9).all()
    assert (tile[:, 48:] == 9).all()


def thirds(height: int, width: int) -> np.ndarray:
    """A photo whose left, middle and right third have the grey levels 30, 100 and 220."""
    columns = np.repeat(np.array([30, 100, 220], np.uint8), width // 3)
    return np.broadcast_to(columns[None, :, None], (height, width, 3)).copy()


def test_a_stretched_tile_shows_the_whole_photo_without_bars() -> None:
    tile = make_tile(thirds(30, 90), PreprocessConfig(side_px=48, fit="stretch", pad_value=9))[..., 0]
    assert tile[24, [4, 24, 44]].tolist() == [30, 100, 220]
    assert (tile[0] == tile[47]).all()


def test_a_cut_tile_shows_the_centre_without_bars() -> None:
    tile = make_tile(thirds(30, 90), PreprocessConfig(side_px=48, fit="cut", pad_value=9))
    assert (tile == 100).all()


def test_min_max_uses_all_grey_levels_of_each_channel_and_leaves_bars() -> None:
    pixels = thirds(60, 30)
    pixels[..., 2] = 77
    tile = make_tile(pixels, PreprocessConfig(side_px=60, levels="min_max", pad_value=9))
    inner = tile[:, 15:45]
    assert (inner[..., 0].min(), inner[..., 0].max()) == (0, 255)
    assert (inner[..., 2] == 77).all()  # a channel with one value
    assert (tile[:, :15] == 9).all()


@pytest.mark.parametrize(("fit", "shown"), [("stretch", (0, 90)), ("cut", (30, 60))])
def test_a_heat_map_covers_the_part_that_the_tile_shows(fit: str, shown: tuple[int, int]) -> None:
    heat = map_to_photo(np.ones((4, 4), np.float32), 30, 90, PreprocessConfig(side_px=48, fit=fit))
    assert (heat[:, shown[0] : shown[1]] == 1).all()
    assert heat.sum() == 30 * (shown[1] - shown[0])


def test_a_large_jpeg_is_cut_from_enough_pixels() -> None:
    file = BytesIO()
    Image.fromarray(cv2.resize(thirds(40, 120), (1200, 100))).save(file, "JPEG", quality=95)
    config = PreprocessConfig(side_px=48, fit="cut")
    whole = make_tile(photos.decode(file.getvalue()), config)
    assert np.abs(tile_of(file.getvalue(), config).astype(int) - whole).max() < 8


def test_crop_keeps_the_part_of_the_setting() -> None:
    halves = photo(40, 80)
    halves[:, 40:] = 50
    tile = make_tile(halves, PreprocessConfig(side_px=40, crop=(0.5, 0, 1, 1)))
    assert (tile == 50).all()


def test_the_channels_are_red_green_and_blue() -> None:
    red = np.zeros((20, 20, 3), np.uint8)
    red[..., 0] = 255
    assert make_tile(red, PreprocessConfig(side_px=8))[0, 0].tolist() == [255, 0, 0]
    assert make_tile(red, PreprocessConfig(side_px=8, colour="grey"))[0, 0].tolist() == [76]


def test_a_heat_map_of_a_tile_is_mapped_back_to_the_same_part_of_the_photo() -> None:
    config = PreprocessConfig(side_px=32, crop=(0.5, 0.0, 1.0, 1.0))
    photo = np.zeros((60, 80, 3), np.uint8)
    photo[40:, 60:] = 255  # at the bottom of the right half, which the crop keeps
    tile = make_tile(photo, config)
    back = map_to_photo(tile[..., 0].astype(np.float32), 60, 80, config)
    assert back.shape == (60, 80)
    assert not back[:, :40].any()
    inside = back > 127
    assert inside[42:, 62:].mean() > 0.95
    assert inside[:38].mean() < 0.02


def picture(width: int = 240, height: int = 160) -> Image.Image:
    """Make a photo with coarse and fine structures in many colours."""
    rng = np.random.default_rng(0)
    pixels = np.full((height, width, 3), 128.0, np.float32)
    for side, strength in ((4, 50), (30, 30), (200, 15)):
        rough = rng.normal(0, strength, (side, side, 3)).astype(np.float32)
        pixels += cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


LUMA: dict[str, bytes] = {
    "4:2:0": encoded(picture()),
    "4:4:4": encoded(picture(), subsampling=0),
    "progressive": encoded(picture(), progressive=True),
    "stored as RGB": encoded(picture(), keep_rgb=True),
    "grey": encoded(picture().convert("L")),
    "with a profile": encoded(picture(), icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()),
    **{f"orientation {number}": encoded(picture(), exif=turned(number)) for number in range(1, 9)},
}
SAME: dict[str, bytes] = {
    "CMYK": encoded(picture().convert("CMYK")),
    "grey PNG": encoded(picture().convert("L"), "PNG"),
    "clear PNG": encoded(picture().convert("L"), "PNG", transparency=128),
    "grey and alpha": encoded(picture().convert("LA"), "PNG"),
    "16 bits": encoded(Image.fromarray(np.asarray(picture().convert("L")).astype(np.uint16) * 16), "PNG"),
    "palette": encoded(picture().quantize(16), "PNG"),
    "WebP": encoded(picture(), "WEBP"),
}


@pytest.mark.parametrize("kind", [*LUMA, *SAME])
def test_a_grey_tile_hardly_differs_from_that_of_the_rgb_pixels(kind: str) -> None:
    config = PreprocessConfig(side_px=224, colour="grey")  # so large that the photo isn't decoded at a fraction
    data = (LUMA | SAME)[kind]
    apart = np.abs(tile_of(data, config).astype(int) - make_tile(photos.decode(data), config).astype(int))
    if kind in SAME:
        assert apart.max() == 0
    else:
        assert apart.mean() < 0.1
        assert apart.max() <= 8


@pytest.mark.parametrize("colour", ["rgb", "grey"])
@pytest.mark.parametrize(("width", "height"), [(900, 500), (500, 900)])
def test_a_jpeg_is_decoded_at_a_fraction_that_a_tile_can_use(colour: str, width: int, height: int) -> None:
    config = PreprocessConfig(side_px=224, colour=colour)
    data = encoded(picture(width, height), exif=turned(6))
    sizes = []
    photos.decode_to(lambda pixels: sizes.append(pixels.shape), data, at_least_px=448, longer_side=True)
    assert max(sizes[0]) == 450
    apart = np.abs(tile_of(data, config).astype(int) - make_tile(photos.decode(data), config).astype(int))
    assert apart.mean() < 1
    assert apart.max() <= 16


def test_only_the_luma_of_a_jpeg_is_decoded_for_a_grey_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []

    def seen(pixels: np.ndarray, config: PreprocessConfig) -> np.ndarray:
        shapes.append(pixels.shape)
        return make_tile(pixels, config)

    monkeypatch.setattr(tiles, "make_tile", seen)
    tile_of(LUMA["4:2:0"], PreprocessConfig(side_px=64, colour="grey"))
    tile_of(LUMA["4:2:0"], PreprocessConfig(side_px=64))
    assert shapes == [(160, 240, 1), (160, 240, 3)]


def test_a_photo_that_hardly_shrinks_is_interpolated_linearly() -> None:
    pixels = np.asarray(picture())
    for side, how in ((200, cv2.INTER_LINEAR), (180, cv2.INTER_AREA), (300, cv2.INTER_CUBIC)):
        tile = make_tile(pixels, PreprocessConfig(side_px=side))
        height = round(side * 160 / 240)
        top = (side - height) // 2
        np.testing.assert_array_equal(tile[top : top + height], cv2.resize(pixels, (side, height), interpolation=how))


@pytest.mark.parametrize("cut", [0.5, 0.97])
def test_a_truncated_jpeg_has_no_grey_tile(cut: float) -> None:
    data = LUMA["4:2:0"]
    with pytest.raises(ValueError, match="truncated"):
        tile_of(data[: int(len(data) * cut)], PreprocessConfig(side_px=64, colour="grey"))
