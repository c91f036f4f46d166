"""The preprocess stage: turn each kept photo into a square tile.

The photos that a check of the filter removed from the test get tiles, too, so that evaluate can predict them. Their
index is a file of its own: what reads the index of the kept photos, such as a training, can't meet them.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from configs.schema import PreprocessConfig
from tasks.images.photo_files import read
from tasks.images.tiles import tile_of
from tasks.store import hashing
from tasks.store.context import StageContext
from tasks.store.manifest import Result
from tasks.store.shards import ShardPool, index_digest
from tasks.store.stage import Stage
from tasks.tables.filter import KEPT, REMOVED
from tasks.tables.shared import INDEX, REMOVED_INDEX

VERSION = 3

_LATER_SETTINGS = {"fit": "pad", "levels": "photo"}
"""Settings that came later, and the values that give the tiles of before: a pool of that time is still used."""


def build_tiles(config: PreprocessConfig, *, kept: Path, context: StageContext) -> Result:
    """Write the indexes of the tiles of all kept and all removed photos; only missing tiles are computed.

    Args:
        config: The section of the stage.
        kept: The folder of the filter.
        context: Where to write.
    """
    files: dict[str, dict[str, str]] = {}
    for table in (KEPT, REMOVED):
        rows = table.read(kept, ["photo", "file"])
        files[table.name] = dict(zip(rows["photo"], rows["file"], strict=True))
    needed = files[KEPT.name] | files[REMOVED.name]

    settings = {
        name: value
        for name, value in config.model_dump(mode="json").items()
        if name not in _LATER_SETTINGS or value != _LATER_SETTINGS[name]
    }
    key = hashing.of_value([VERSION, settings])[:24]
    pool, new = ShardPool.open(context.pools / key, context).compute_missing(
        {photo: context.root / file for photo, file in needed.items()},
        partial(_tiles, config=config),
        context,
        label="tiles",
    )
    index, removed = (pool.index(files[table.name], context.root) for table in (KEPT, REMOVED))
    INDEX.write(index, context.out)
    REMOVED_INDEX.write(removed, context.out)
    return Result(
        {"tiles": len(index), "new": new},
        digest=index_digest(index, removed),
        refs=pool.refs(index, context.root) | pool.refs(removed, context.root),
    )


def _tiles(photos: Mapping[str, Path], config: PreprocessConfig) -> Iterator[NDArray[np.uint8]]:
    """Yield the tile of each photo `(side, side, c)`, given its file."""
    for file in photos.values():
        yield tile_of(read(file), config)


STAGE = Stage("preprocess", VERSION, build=build_tiles)
