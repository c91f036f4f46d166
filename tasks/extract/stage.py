"""Compute the features of tiles with the encoder; a pool stores them, so that each is computed once."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from configs.schema import AugmentConfig, ExtractConfig
from tasks.networks.encode import Encoder, encoder_info
from tasks.store import hashing
from tasks.store.context import StageContext
from tasks.store.lazy_rows import LazyRows
from tasks.store.manifest import Manifest, Result
from tasks.store.shards import ShardPool, index_digest, names_by_content
from tasks.store.stage import Stage
from tasks.tables.extract import COPIES_INDEX
from tasks.tables.filter import KEPT
from tasks.tables.pretrain import ENCODER
from tasks.tables.shared import INDEX, REMOVED_INDEX

if TYPE_CHECKING:
    import pandas as pd

Compute = Callable[[NDArray[np.uint8], Sequence[str]], NDArray[np.float16]]
"""`compute(tiles, names)` returns the features of some tiles; `names`: theirs in the pool."""
Place = tuple[str, int]
"""The shard and the row of a tile."""

VERSION = 2


def build_features(config: ExtractConfig, *, kept: Path, tiles: Path, encoder: Path, context: StageContext) -> Result:
    """Compute the features of tiles that are not in the pool yet, and write the indexes of all features.

    As preprocess does, it writes an index of its own for the photos that a check of the filter removed from the test.
    Train photos get augmented copies, if `extract.copies` asks for them. Without an encoder, all indexes are empty.
    """
    if encoder_info(encoder)["kind"] == "none":
        return _write_nothing(context)
    made_with = Manifest.read(encoder).artifact.digest
    settings = config.model_dump(mode="json", include={"batch_size"})
    folder = context.pools / hashing.of_value([VERSION, settings, made_with])[:24]
    codes = Encoder(ENCODER.path(encoder), config.batch_size, made_with)

    indexes = [table.read(tiles) for table in (INDEX, REMOVED_INDEX)]
    pool, rows, new = _fill(folder, indexes, partial(_codes, codes=codes), context, "features")
    features, removed = (
        pool.index(names, context.root).assign(photo=index["photo"]) for names, index in zip(rows, indexes, strict=True)
    )
    INDEX.write(features, context.out)
    REMOVED_INDEX.write(removed, context.out)
    counts = {"photos": len(features), "new": new}
    refs = pool.refs(features, context.root) | pool.refs(removed, context.root)

    copies = features.iloc[:0].assign(copy=np.empty(0, np.int64))
    if config.copies:
        augment = config.augment
        if augment.rand_augment or augment.mixup or augment.cutmix:
            context.warn("extract.augment: rand_augment, mixup and cutmix have no effect on copies; set them to 0")
        photos = KEPT.read(kept, ["photo", "split"])
        train = indexes[0][indexes[0]["photo"].isin(photos.loc[photos["split"] == "train", "photo"])]
        copies, more = _copies(config, folder, train, codes, context)
        counts["copies"] = len(copies)
        refs |= more
    COPIES_INDEX.write(copies, context.out)
    digest = index_digest(features, removed)
    return Result(counts, digest=hashing.of_value([digest, index_digest(copies)]) if len(copies) else digest, refs=refs)


def _fill(
    folder: Path, indexes: Sequence["pd.DataFrame"], compute: Compute, context: StageContext, label: str
) -> tuple[ShardPool, list[list[str]], int]:
    """Compute what a pool lacks for the rows of some indexes; returns the pool, the rows' names, and how many."""

    rows = [names_by_content(index) for index in indexes]
    tiles: dict[str, Place] = {}
    for names, index in zip(rows, indexes, strict=True):  # a photo may be kept in one class and removed in another
        tiles |= dict(zip(names, zip(index["shard"], index["row"].tolist(), strict=True), strict=True))
    of_places = partial(_of_places, compute=compute, root=context.root)
    pool, new = ShardPool.open(folder, context).compute_missing(tiles, of_places, context, label=label)
    return pool, rows, new


def _of_places(tiles: Mapping[str, Place], compute: Compute, root: Path) -> NDArray[np.float16]:
    """Compute the features of some tiles, given the place of each."""
    import pandas as pd

    index = pd.DataFrame(list(tiles.values()), columns=["shard", "row"])
    return compute(LazyRows(index, root)[:], list(tiles))


def _codes(tiles: NDArray[np.uint8], names: Sequence[str], codes: Encoder) -> NDArray[np.float16]:
    return codes(tiles)


def _copies(
    config: ExtractConfig, folder: Path, train: "pd.DataFrame", codes: Encoder, context: StageContext
) -> tuple["pd.DataFrame", dict[Path, Any]]:
    """Compute the features of the augmented copies of train photos; a tile and its name decide its copies."""
    import pandas as pd

    found = []
    refs: dict[Path, Any] = {}
    changes = hashing.of_value(config.augment.model_dump(mode="json"))[:24]
    for copy in range(1, config.copies + 1):
        place, label = folder / changes / str(copy), f"features of copy {copy}"
        pool, [names], _ = _fill(
            place, [train], partial(_of_copy, codes=codes, augment=config.augment, copy=copy), context, label
        )
        index = pool.index(names, context.root).assign(photo=train["photo"].to_numpy(), copy=copy)
        found.append(index)
        refs |= pool.refs(index, context.root)
    return pd.concat(found, ignore_index=True), refs


def _of_copy(
    tiles: NDArray[np.uint8], names: Sequence[str], codes: Encoder, augment: AugmentConfig, copy: int
) -> NDArray[np.float16]:
    from tasks.networks.augment import augment_tiles  # imports Keras

    seeds = [int(hashing.of_value([copy, name])[:15], 16) for name in names]
    return codes(augment_tiles(tiles, augment, seeds))


def _write_nothing(context: StageContext) -> Result:
    import pandas as pd

    empty = pd.DataFrame({"photo": [], "shard": [], "row": [], "digest": []}).astype({"row": np.int64})
    for table in (INDEX, REMOVED_INDEX):
        table.write(empty, context.out)
    COPIES_INDEX.write(empty.assign(copy=empty["row"]), context.out)
    return Result({}, digest=hashing.of_value("no encoder"))


STAGE = Stage("extract", VERSION, build=build_features)
