"""Tiles: square without stretching, and only new photos are made into tiles."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from configs.schema import PreprocessConfig
from tasks.images import photos
from tasks.images.tiles import make_tile, spread
from tasks.preprocess.stage import build_tiles
from tasks.store.context import StageContext
from tasks.store.shards import LazyRows


def photo(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 200, np.uint8)


@pytest.mark.parametrize(("height", "width"), [(100, 50), (50, 100), (7, 300), (64, 64), (1, 1)])
@pytest.mark.parametrize(("colour", "channels"), [("grey", 1), ("rgb", 3)])
def test_shape(height: int, width: int, colour: str, channels: int) -> None:
    tile = make_tile(photo(height, width), PreprocessConfig(side_px=64, colour=colour))
    assert tile.shape == (64, 64, channels)
    assert tile.dtype == np.uint8


def test_padded_not_stretched() -> None:
    tile = make_tile(photo(100, 50), PreprocessConfig(side_px=64, pad_value=9))[..., 0]
    assert (tile[:, 16:48] == 200).all()
    assert (tile[:, :16] == 9).all()
    assert (tile[:, 48:] == 9).all()


def test_crop_takes_the_named_part() -> None:
    halves = photo(40, 80)
    halves[:, 40:] = 50
    tile = make_tile(halves, PreprocessConfig(side_px=40, crop=(0.5, 0, 1, 1)))
    assert (tile == 50).all()


def test_channels_are_red_green_blue() -> None:
    red = np.zeros((20, 20, 3), np.uint8)
    red[..., 0] = 255
    assert make_tile(red, PreprocessConfig(side_px=8))[0, 0].tolist() == [255, 0, 0]
    assert make_tile(red, PreprocessConfig(side_px=8, colour="grey"))[0, 0].tolist() == [76]


class Album:
    """Kept photos in a data folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rows: list[dict[str, str]] = []

    def add(self, *greys: int) -> None:
        for grey in greys:
            out = BytesIO()
            Image.new("RGB", (40, 30), (grey, grey, grey)).save(out, "PNG")
            sha256, path = photos.put(self.root / "photos", out.getvalue())
            self.rows.append({"photo": sha256, "file": path.relative_to(self.root).as_posix()})

    def build(self, config: PreprocessConfig) -> tuple[np.ndarray, dict, str | None]:
        number = len(list(self.root.glob("out*")))
        kept, out = self.root / f"kept{number}", self.root / f"out{number}"
        kept.mkdir()
        out.mkdir()
        pd.DataFrame(self.rows).to_parquet(kept / "kept.parquet")
        result = build_tiles(
            config, kept=kept, context=StageContext(self.root, out, self.root / "pools", self.root / "photos")
        )
        index = pd.read_parquet(out / "index.parquet")
        assert index["photo"].tolist() == [row["photo"] for row in self.rows]
        return LazyRows(index, self.root)[:], result.counts, result.digest


def test_ten_new_photos_make_ten_tiles(tmp_path: Path) -> None:
    album = Album(tmp_path)
    album.add(*range(0, 100, 2))
    config = PreprocessConfig(side_px=16, colour="grey")
    tiles, counts, _ = album.build(config)
    assert (counts["tiles"], counts["new"]) == (50, 50)
    assert tiles[:, 8, 8, 0].tolist() == list(range(0, 100, 2))
    album.add(*range(101, 121, 2))
    tiles, counts, _ = album.build(config)
    assert (counts["tiles"], counts["new"]) == (60, 10)
    assert tiles[50:, 8, 8, 0].tolist() == list(range(101, 121, 2))


def test_other_settings_have_a_pool_of_their_own(tmp_path: Path) -> None:
    album = Album(tmp_path)
    album.add(10, 20)
    album.build(PreprocessConfig(side_px=16))
    tiles, counts, _ = album.build(PreprocessConfig(side_px=24))
    assert counts["new"] == 2
    assert tiles.shape == (2, 24, 24, 3)


def test_digest_is_the_same_however_the_photos_arrived(tmp_path: Path) -> None:
    one, two = Album(tmp_path / "one"), Album(tmp_path / "two")
    one.add(10, 20, 30)
    two.add(30)
    two.build(PreprocessConfig(side_px=16))
    two.add(10, 20)
    two.rows.sort(key=lambda row: [r["photo"] for r in one.rows].index(row["photo"]))
    assert one.build(PreprocessConfig(side_px=16))[2] == two.build(PreprocessConfig(side_px=16))[2]


def test_a_map_of_a_tile_comes_back_to_where_it_is_in_the_photo() -> None:
    config = PreprocessConfig(side_px=32, crop=(0.5, 0.0, 1.0, 1.0))
    photo = np.zeros((60, 80, 3), np.uint8)
    photo[40:, 60:] = 255  # in the right half, which is kept, at the bottom
    tile = make_tile(photo, config)
    back = spread(tile[..., 0].astype(np.float32), 60, 80, config)
    assert back.shape == (60, 80)
    assert not back[:, :40].any()
    inside = back > 127
    assert inside[42:, 62:].mean() > 0.95
    assert inside[:38].mean() < 0.02
