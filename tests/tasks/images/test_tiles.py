"""Tiles: square without a change of the aspect ratio, and heat maps of tiles mapped back to photos."""

import numpy as np
import pytest

from configs.schema import PreprocessConfig
from tasks.images.tiles import make_tile, map_to_photo


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
