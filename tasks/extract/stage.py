"""Compute the features of tiles, which are their codes; a pool stores them, so that each is computed once."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from configs.schema import ExtractConfig
from tasks.networks.encode import Encoder
from tasks.store import hashing
from tasks.store.context import StageContext
from tasks.store.manifest import Manifest, Result
from tasks.store.shards import LazyRows, ShardPool, index_digest, names_by_content
from tasks.store.stage import Stage
from tasks.tables import ENCODER, INDEX, REMOVED_INDEX

VERSION = 1


def build_features(config: ExtractConfig, *, tiles: Path, encoder: Path, context: StageContext) -> Result:
    """Compute the features of tiles that are not in the pool yet, and write the indexes of all features.

    As preprocess does, it writes an index of its own for the photos that a check of the filter removed from the test.
    """
    import pandas as pd

    indexes = [table.read(tiles) for table in (INDEX, REMOVED_INDEX)]
    rows = [names_by_content(index) for index in indexes]
    made_with = Manifest.read(encoder).artifact.digest
    folder = context.pools / hashing.of_value([VERSION, config.model_dump(), made_with])[:24]
    by_name = pd.concat(indexes).set_index(pd.Index([*rows[0], *rows[1]]))
    by_name = by_name[~by_name.index.duplicated()]  # a photo may be kept in one class and removed in another
    codes = Encoder(ENCODER.path(encoder), config.batch_size)

    def compute(names: Sequence[str]) -> NDArray[np.float16]:
        return codes(LazyRows(by_name.loc[list(names)], context.root)[:])

    pool, new = ShardPool.open(folder, context).compute_missing(list(by_name.index), compute, context, label="features")
    features, removed = (
        pool.index(names, context.root).assign(photo=index["photo"]) for names, index in zip(rows, indexes, strict=True)
    )
    INDEX.write(features, context.out)
    REMOVED_INDEX.write(removed, context.out)
    return Result(
        {"photos": len(features), "new": new},
        digest=index_digest(features, removed),
        refs=pool.refs(features, context.root) | pool.refs(removed, context.root),
    )


STAGE = Stage("extract", VERSION, build=build_features)
