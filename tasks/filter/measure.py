"""Compute what the filter needs of each photo: statistics, number of faces, embedding. Each is cached per photo."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from configs.schema import FilterConfig
from tasks.filter import faces, image_stats
from tasks.filter.bursts import taken_of
from tasks.filter.memory.remembered import Remembered
from tasks.filter.near_duplicates import NearDuplicates
from tasks.images import photo_files, photos
from tasks.store import hashing
from tasks.store.context import StageContext
from tasks.store.lazy_rows import LazyRows
from tasks.store.manifest import FileRecord
from tasks.store.shards import ShardPool
from tasks.store.work import once_per_process

if TYPE_CHECKING:
    import pandas as pd

    from tasks.networks.embedding import Embedding

_NETWORK_VERSION = 2
"""Increase it when decoding or resizing gives other pixels: embeddings are then computed again."""
UNKNOWN = b"unknown"
"""The flaw of a photo without statistics, so that it resembles no other photo."""


@dataclass(frozen=True)
class Measurements:
    """The image statistics of the crawled photos, and of photos of earlier runs."""

    stats: NDArray[np.void]
    """Statistics of each row of the table, `(n,)` of STATS_DTYPE."""
    photos: Sequence[str]
    """Photo of each row."""
    absent: Sequence[str]
    """Photos of earlier runs that are not in this crawl, or whose file is damaged now. What resembles a test photo must
    not be trained on either."""
    absent_stats: NDArray[np.void]
    """Statistics of each absent photo; as of a photo that can't be decoded where it is not `comparable`."""
    comparable: NDArray[np.bool_]
    """Whether the statistics of each absent photo are known."""
    taken: NDArray[np.void]
    """When and by which camera each row's photo was taken, followed by the absent photos; of TAKEN_DTYPE."""
    dated: NDArray[np.bool_]
    """Whether that was ever read, for the same photos."""
    refs: dict[Path, FileRecord]
    """The shards that contain what is measured of the table."""

    def near_duplicates(self, config: FilterConfig) -> NearDuplicates:
        """Find the near duplicates among the rows of the table, followed by the absent photos."""
        every = np.concatenate([self.stats, self.absent_stats])
        if config.duplicate_bits is None:
            return NearDuplicates.equal_files(every, [*self.photos, *self.absent])
        return NearDuplicates.find(every, config.duplicate_bits, mirrored=config.mirrored)


def measure(table: "pd.DataFrame", remembered: Remembered, context: StageContext) -> Measurements:
    """Compute the statistics of each row's photo. Only new photos are read.

    The statistics of photos that are not in the table come from the memory. Where they are of another version of the
    statistics, they are computed again if the photo is still stored.

    Args:
        table: The crawl's table, with the columns photo and file.
        remembered: All photos of earlier runs.
        context: Where the cache is, and who computes.
    """
    files = {photo: context.root / file for photo, file in zip(table["photo"], table["file"], strict=True)}
    photo_names = table["photo"].tolist()
    away = [position for position, photo in enumerate(remembered.photos) if photo not in files]
    absent = [remembered.photos[position] for position in away]
    stats, comparable = remembered.stats[away], remembered.measured[away]
    taken, dated = remembered.taken[away], remembered.dated[away]
    stored = stored_files(context.photos, {absent[number] for number in np.flatnonzero(~comparable | ~dated)})

    pool = stats_pool(context)
    context = replace(context, source=hashing.of_source(image_stats.__name__))
    wanted = dict(sorted((files | stored).items()))
    pool, _ = pool.compute_missing(wanted, _stats, context, label="photos measured", shard_photos=128)
    index = pool.index(table["photo"], context.root)
    if again := [number for number, photo in enumerate(absent) if photo in stored]:
        found = pool.index([absent[number] for number in again], context.root)
        stats[again] = LazyRows(found, context.root)[:]
        comparable[again] = True
    stats["flaw"][~comparable] = UNKNOWN
    present = LazyRows(index, context.root)[:]
    damaged = _damaged_since(photo_names, present, remembered)
    times, more_refs = taken_of(files | stored, context)
    position = {photo: number for number, photo in enumerate([*files, *stored])}
    for number, photo in enumerate(absent):
        if photo in stored:
            taken[number], dated[number] = times[position[photo]], True
    return Measurements(
        present,
        photo_names,
        [*absent, *(remembered.photos[position] for position in damaged)],
        np.concatenate([stats, remembered.stats[damaged]]),
        np.concatenate([comparable, np.ones(len(damaged), bool)]),
        np.concatenate([times[[position[photo] for photo in photo_names]], taken, remembered.taken[damaged]]),
        np.concatenate([np.ones(len(table), bool), dated, remembered.dated[damaged]]),
        pool.refs(index, context.root) | more_refs,
    )


def _stats(files: Mapping[str, Path]) -> NDArray[np.void]:
    return np.array(
        [image_stats.compute_stats(photo_files.read(file)) for file in files.values()], image_stats.STATS_DTYPE
    )


def _damaged_since(names: Sequence[str], stats: NDArray[np.void], remembered: Remembered) -> list[int]:
    """Return the positions in the memory of photos that could be decoded once, and can't any more."""
    flawed = {photo for photo, flaw in zip(names, stats["flaw"].tolist(), strict=True) if flaw}
    sound = remembered.measured & (remembered.stats["flaw"] == b"")
    return [position for position in np.flatnonzero(sound).tolist() if remembered.photos[position] in flawed]


def stats_pool(context: StageContext) -> ShardPool:
    """Open the cache of statistics."""
    context = replace(context, source=hashing.of_source(image_stats.__name__))
    return ShardPool.open(context.pools / hashing.of_value(["facts", image_stats.VERSION])[:24], context)


def stored_files(photos: Path, wanted: Collection[str]) -> dict[str, Path]:
    """Return the files of the photos that are stored.

    Args:
        photos: The folder of all photos.
        wanted: SHA-256 of photos.
    """
    folders = sorted({photo[:2] for photo in wanted})
    return {path.stem: path for folder in folders for path in (photos / folder).glob("*") if path.stem in wanted}


def count_faces(config: FilterConfig, table: "pd.DataFrame", context: StageContext) -> list[int]:
    """Count the faces on each row's photo, once per photo and detector."""
    files = _sorted_files(table, context)
    if not files:
        return []
    model = config.face_model.expanduser().absolute() if config.face_model else None
    context = replace(context, source=hashing.of_source(faces.__name__))
    pool = ShardPool.open(
        context.pools / hashing.of_value(["faces", faces.VERSION, faces.detector(model)])[:24], context
    )
    count = partial(_face_counts, model=model)
    pool, _ = pool.compute_missing(files, count, context, label="photos searched for faces", shard_photos=64)
    return [int(count) for count in LazyRows(pool.index(table["photo"], context.root), context.root)[:]]


def _face_counts(files: Mapping[str, Path], model: Path | None) -> NDArray[np.int32]:
    counts = [
        photos.decode_to(lambda pixels: faces.count(pixels, model), photo_files.read(file), at_least_px=faces.SIDE_PX)
        for file in files.values()
    ]
    return np.array(counts, np.int32)


def _sorted_files(table: "pd.DataFrame", context: StageContext) -> dict[str, Path]:
    """Return the file of each photo of a table, sorted by the photo's name."""
    files = dict(zip(table["photo"], table["file"], strict=True))
    return {photo: context.root / files[photo] for photo in sorted(files)}


def embed(config: FilterConfig, table: "pd.DataFrame", context: StageContext) -> NDArray[np.floating]:
    """Compute a vector of each row's photo, `(n, d)`, once per photo and embedding.

    The embedding is the network of `filter.embedding`, or else handcrafted features (see `descriptor`).
    """
    from tasks.filter.label_issues import descriptor

    files = _sorted_files(table, context)
    compute: Callable[[Mapping[str, Path]], NDArray[np.floating]] = _described
    key: list[Any] = ["descriptor", descriptor.VERSION]
    code = descriptor.__name__
    if config.embedding:
        model = config.embedding.expanduser().absolute()
        digest = hashing.of_file(model)
        compute = _LazyEmbedding(model, config.embedding_scale, digest)
        key = ["network", _NETWORK_VERSION, digest, config.embedding_scale]
        code = "tasks.networks.embedding"
    context = replace(context, source=hashing.of_source(code))
    pool = ShardPool.open(context.pools / hashing.of_value(["embedding", *key])[:24], context)
    pool, _ = pool.compute_missing(files, compute, context, label="photos embedded", shard_photos=128)
    return LazyRows(pool.index(table["photo"], context.root), context.root)[:]


def _described(files: Mapping[str, Path]) -> NDArray[np.floating]:
    """Compute the handcrafted features of some photos, which are reduced one by one: in full size, they need GBs."""
    from tasks.filter.label_issues import descriptor

    return descriptor.describe_all(
        [
            photos.decode_to(descriptor.reduced, photo_files.read(file), at_least_px=descriptor.AT_LEAST_PX)
            for file in files.values()
        ]
    )


class _LazyEmbedding:
    """The network of a model file, loaded at the first call and used by one thread at a time.

    If all vectors are cached, Keras isn't imported. Each worker loads the network once.
    """

    def __init__(
        self, model: Path, scale: Literal["caffe", "tf", "torch"] | tuple[float, float] | None, digest: str
    ) -> None:
        self._arguments = model, scale, digest
        self._model = model
        self._scale = scale
        self._embedding: Embedding | None = None
        self._loading, self._computing = Lock(), Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return once_per_process, (_LazyEmbedding, *self._arguments)

    def __call__(self, files: Mapping[str, Path]) -> NDArray[np.floating]:
        """Embed n photos, given the file of each."""
        images = [photos.decode_to(self._prepare, photo_files.read(file)) for file in files.values()]
        assert self._embedding
        with self._computing:
            return self._embedding(images)

    def _prepare(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resize a photo to the input of the network."""
        with self._loading:
            if self._embedding is None:
                from tasks.networks.embedding import Embedding

                self._embedding = Embedding(self._model, self._scale)
        return self._embedding.prepare(image)
