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
from tasks.tables import ENCODER, INDEX

VERSION = 1


def build_features(config: ExtractConfig, *, tiles: Path, encoder: Path, context: StageContext) -> Result:
    """Compute the features of tiles that are not in the pool yet, and write an index of all features."""
    import pandas as pd

    index = INDEX.read(tiles)
    rows = names_by_content(index)
    made_with = Manifest.read(encoder).artifact.digest
    folder = context.pools / hashing.of_value([VERSION, config.model_dump(), made_with])[:24]
    by_name, codes = index.set_index(pd.Index(rows)), Encoder(ENCODER.path(encoder), config.batch_size)

    def compute(names: Sequence[str]) -> NDArray[np.float16]:
        return codes(LazyRows(by_name.loc[list(names)], context.root)[:])

    pool, new = ShardPool.open(folder, context).compute_missing(rows, compute, context, label="features")
    features = pool.index(rows, context.root).assign(photo=index["photo"])
    INDEX.write(features, context.out)
    counts = {"photos": len(features), "new": new}
    return Result(counts, digest=index_digest(features), refs=pool.refs(features, context.root))


STAGE = Stage("extract", VERSION, build=build_features)
