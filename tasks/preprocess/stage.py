"""The preprocess stage: turn each kept photo into a square tile."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from configs.schema import PreprocessConfig
from tasks.images.tiles import tile_of
from tasks.store import hashing
from tasks.store.context import StageContext
from tasks.store.manifest import Result
from tasks.store.shards import ShardPool, index_digest
from tasks.store.stage import Stage
from tasks.tables import INDEX, KEPT

VERSION = 2


def build_tiles(config: PreprocessConfig, *, kept: Path, context: StageContext) -> Result:
    """Write the index of the tiles of all kept photos; only missing tiles are computed.

    Args:
        config: The section of the stage.
        kept: The folder of the filter.
        context: Where to write.
    """
    table = KEPT.read(kept)
    files = dict(zip(table["photo"], table["file"], strict=True))

    def compute(chunk: Sequence[str]) -> NDArray[np.uint8]:
        return np.stack([tile_of((context.root / files[photo]).read_bytes(), config) for photo in chunk])

    key = hashing.of_value([VERSION, config.model_dump(mode="json")])[:24]
    pool, new = ShardPool.open(context.pools / key, context).compute_missing(
        list(files), compute, context, label="tiles"
    )
    index = pool.index(files, context.root)
    INDEX.write(index, context.out)
    return Result(
        {"tiles": len(index), "new": new},
        digest=index_digest(index),
        refs=pool.refs(index, context.root),
    )


STAGE = Stage("preprocess", VERSION, build=build_tiles)
