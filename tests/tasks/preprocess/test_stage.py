"""The preprocess stage: only the tiles of new photos are computed."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from configs.schema import PreprocessConfig
from tasks.images import photo_files
from tasks.preprocess.stage import build_tiles
from tasks.store.context import StageContext
from tasks.store.lazy_rows import LazyRows
from tasks.store.shards import index_digest
from tasks.tables.filter import KEPT, REMOVED
from tasks.tables.shared import INDEX, REMOVED_INDEX
from tests.helpers import stored_tables


class Album:
    """Kept photos in a data folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rows: list[dict[str, str]] = []
        self.removed: list[dict[str, str]] = []

    def add(self, *greys: int) -> None:
        for grey in greys:
            out = BytesIO()
            Image.new("RGB", (40, 30), (grey, grey, grey)).save(out, "PNG")
            sha256, path = photo_files.put(self.root / "photos", out.getvalue())
            self.rows.append({"photo": sha256, "file": path.relative_to(self.root).as_posix()})

    def build(self, config: PreprocessConfig) -> tuple[np.ndarray, dict, str | None]:
        number = len(list(self.root.glob("out*")))
        kept, out = self.root / f"kept{number}", self.root / f"out{number}"
        kept.mkdir()
        out.mkdir()
        stored_tables.write(KEPT, pd.DataFrame(self.rows), kept)
        stored_tables.write(REMOVED, pd.DataFrame(self.removed, columns=["photo", "file"]), kept)
        result = build_tiles(
            config, kept=kept, context=StageContext(self.root, out, self.root / "pools", self.root / "photos")
        )
        index = INDEX.read(out)
        assert index["photo"].tolist() == [row["photo"] for row in self.rows]
        removed = REMOVED_INDEX.read(out)
        assert removed["photo"].tolist() == [row["photo"] for row in self.removed]
        assert set(result.refs) == {self.root / shard for shard in [*index["shard"], *removed["shard"]]}
        return LazyRows(index, self.root)[:], result.counts, result.digest


def test_only_the_tiles_of_new_photos_are_computed(tmp_path: Path) -> None:
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


def test_other_settings_use_another_pool(tmp_path: Path) -> None:
    album = Album(tmp_path)
    album.add(10, 20)
    album.build(PreprocessConfig(side_px=16))
    tiles, counts, _ = album.build(PreprocessConfig(side_px=24))
    assert counts["new"] == 2
    assert tiles.shape == (2, 24, 24, 3)


def test_the_digest_does_not_depend_on_the_order_of_arrival(tmp_path: Path) -> None:
    one, two = Album(tmp_path / "one"), Album(tmp_path / "two")
    one.add(10, 20, 30)
    two.add(30)
    two.build(PreprocessConfig(side_px=16))
    two.add(10, 20)
    two.rows.sort(key=lambda row: [r["photo"] for r in one.rows].index(row["photo"]))
    assert one.build(PreprocessConfig(side_px=16))[2] == two.build(PreprocessConfig(side_px=16))[2]


def test_removed_photos_have_tiles_in_an_index_of_their_own(tmp_path: Path) -> None:
    album = Album(tmp_path)
    album.add(10, 20, 30)
    config = PreprocessConfig(side_px=16, colour="grey")
    _, _, before = album.build(config)
    album.removed = [album.rows[0], album.rows.pop()]  # the first is kept in another class
    tiles, counts, digest = album.build(config)
    assert tiles[:, 8, 8, 0].tolist() == [10, 20]
    assert (counts["tiles"], counts["new"]) == (2, 0)
    assert digest != before  # later stages must see them
    newest = max(tmp_path.glob("out*"))
    assert LazyRows(REMOVED_INDEX.read(newest), tmp_path)[:][:, 8, 8, 0].tolist() == [10, 30]
    album.removed = []
    assert album.build(config)[2] not in (before, digest)


def test_without_removed_photos_the_digest_is_that_of_the_kept_tiles(tmp_path: Path) -> None:
    album = Album(tmp_path)
    album.add(10, 20)
    _, _, digest = album.build(PreprocessConfig(side_px=16))
    assert digest == index_digest(INDEX.read(tmp_path / "out0"))
