"""What the filter looks at in each photo: facts, faces, and a vector to find suspects by; each looked at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from configs.schema import FilterConfig
from tasks.filter import faces
from tasks.filter import image_stats as facts
from tasks.filter.near_duplicates import Buckets
from tasks.images import photos
from tasks.store import hashing
from tasks.store.context import StageContext
from tasks.store.manifest import FileRecord
from tasks.store.shards import LazyRows, ShardPool

if TYPE_CHECKING:
    import pandas as pd

Embed = Callable[[Sequence[NDArray[np.uint8]]], NDArray[np.floating]]
"""From photos `(h, w, 3)`, RGB, uint8, to vectors `(n, d)`."""


@dataclass(frozen=True)
class Measured:
    """What is known of the photos' content."""

    facts: NDArray[np.void]
    """Of each row of the table, `(n,)`."""
    absent: Sequence[str]
    """Photos that were dealt before and aren't there tonight: what resembles one must not train either."""
    absent_facts: NDArray[np.void]
    refs: dict[Path, FileRecord]
    """The shards that hold the facts."""

    def buckets(self, config: FilterConfig) -> Buckets:
        """Which of them, the table's first, look the same."""
        every = np.concatenate([self.facts, self.absent_facts])
        return Buckets.of(every, config.duplicate_bits, mirrored=config.mirrored)


def measure(table: "pd.DataFrame", remembered: set[str], context: StageContext) -> Measured:
    """Facts of each row's photo, and of remembered ones that aren't in the table. Only new photos are read."""
    files = dict(zip(table["photo"], table["file"], strict=True))

    def compute(chunk: Sequence[str]) -> NDArray[np.void]:
        return np.array([facts.measure((context.root / files[photo]).read_bytes()) for photo in chunk], facts.FACTS)

    context = replace(context, source=hashing.of_source(facts.__name__))
    pool = ShardPool.open(context.pools / hashing.of_value(["facts", facts.VERSION])[:24], context)
    pool, _ = pool.compute_missing(sorted(files), compute, context, label="photos looked at", shard_photos=128)
    index = pool.index(table["photo"], context.root)
    load_if_fits = {photo for shard in pool.shards for photo in shard.photos}
    absent = sorted((remembered - files.keys()) & load_if_fits)
    others = LazyRows(pool.index(absent, context.root), context.root)[:] if absent else np.empty(0, facts.FACTS)
    return Measured(LazyRows(index, context.root)[:], absent, others, pool.refs(index, context.root))


def count_faces(config: FilterConfig, table: "pd.DataFrame", context: StageContext) -> list[int]:
    """Faces on each row's photo; counted once for each photo and detector."""
    files = dict(zip(table["photo"], table["file"], strict=True))
    if not files:
        return []
    model = config.face_model.expanduser() if config.face_model else None

    def compute(chunk: Sequence[str]) -> NDArray[np.int32]:
        decoded = (
            photos.decode((context.root / files[photo]).read_bytes(), at_least_px=faces.SIDE_PX) for photo in chunk
        )
        return np.array([faces.count(pixels, model) for pixels in decoded], np.int32)

    detector = hashing.of_file(model) if model else "cascade"
    context = replace(context, source=hashing.of_source(faces.__name__))
    pool = ShardPool.open(context.pools / hashing.of_value(["faces", faces.VERSION, detector])[:24], context)
    pool, _ = pool.compute_missing(sorted(files), compute, context, label="photos searched for faces", shard_photos=64)
    return [int(count) for count in LazyRows(pool.index(table["photo"], context.root), context.root)[:]]


def embed(config: FilterConfig, table: "pd.DataFrame", context: StageContext, network: Embed) -> NDArray[np.floating]:
    """Each row's photo as a vector, `(n, d)`; computed once for each photo and embedding.

    network: that of `config.embedding`, if there is one.
    """
    from tasks.filter.label_issues import descriptor

    files = dict(zip(table["photo"], table["file"], strict=True))
    describe: Embed = network if config.embedding else descriptor.describe_all
    at_least_px = None if config.embedding else descriptor.AT_LEAST_PX
    key: list[Any] = ["descriptor", descriptor.VERSION]
    if config.embedding:
        key = ["network", hashing.of_file(config.embedding.expanduser()), config.embedding_scale]
    code = "tasks.networks.embedding" if config.embedding else descriptor.__name__

    def compute(chunk: Sequence[str]) -> NDArray[np.floating]:
        return describe(
            [photos.decode((context.root / files[name]).read_bytes(), at_least_px=at_least_px) for name in chunk]
        )

    context = replace(context, source=hashing.of_source(code))
    pool = ShardPool.open(context.pools / hashing.of_value(["embedding", *key])[:24], context)
    pool, _ = pool.compute_missing(sorted(files), compute, context, label="photos embedded", shard_photos=128)
    return LazyRows(pool.index(table["photo"], context.root), context.root)[:]
