"""Find bursts: photos that one camera took within a few seconds of each other, by their EXIF data."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.filter.groups import connected_groups
from tasks.images import exif
from tasks.images.exif import read_taken
from tasks.store import hashing
from tasks.store.context import StageContext
from tasks.store.lazy_rows import LazyRows
from tasks.store.manifest import FileRecord
from tasks.store.shards import ShardPool

VERSION = 1
"""Increase it when other values are read from the same EXIF data: cached ones are then read again."""
NO_OFFSET = -(1 << 15)
TAKEN_DTYPE = np.dtype([("camera", "S16"), ("local_ms", "<i8"), ("offset_min", "<i2")])
"""When a photo was taken, and by which camera. The shards on disk contain these names.

camera: a digest of make, model and serial number; b"" if the photo doesn't say its camera and time, and then the rest
is 0. local_ms: time on the camera's clock, milliseconds since 1970. offset_min: what the clock is ahead of UTC, in
minutes; NO_OFFSET if it isn't given.
"""


def taken_of(files: Mapping[str, Path], context: StageContext) -> tuple[NDArray[np.void], dict[Path, FileRecord]]:
    """Read when and by which camera photos were taken, once per photo.

    Args:
        files: The stored file of each photo.
        context: Where the cache is, and who reads.

    Returns:
        `(n,)` of TAKEN_DTYPE in the order of `files`, and the shards that contain it.
    """
    context = replace(context, source=hashing.of_source(exif.__name__))
    pool = ShardPool.open(context.pools / hashing.of_value(["taken", VERSION])[:24], context)
    pool, _ = pool.compute_missing(dict(sorted(files.items())), _rows, context, label="times read", shard_photos=128)
    index = pool.index(list(files), context.root)
    return LazyRows(index, context.root)[:], pool.refs(index, context.root)


def _rows(photos: Mapping[str, Path]) -> NDArray[np.void]:
    return np.array([_row(path) for path in photos.values()], TAKEN_DTYPE)


def _row(path: Path) -> NDArray[np.void]:
    row = np.zeros((), TAKEN_DTYPE)
    if taken := read_taken(path):
        offset = NO_OFFSET if taken.offset_min is None else taken.offset_min
        row[()] = (hashing.of_value(taken.camera)[:16].encode(), taken.local_ms, offset)
    return row


def burst_names(taken: NDArray[np.void], burst_s: float) -> dict[int, str]:
    """Return a name of the burst of each photo that is in one with others.

    Neighbours in time are linked, so a burst can last longer than `burst_s`. Two photos are compared by UTC if both say
    what their clock is ahead of it, else by the camera's clock. Photos without a time or a camera are in no burst.

    Args:
        taken: When and by which camera n photos were taken, `(n,)` of TAKEN_DTYPE.
        burst_s: Largest time between neighbours, seconds.
    """
    rows = np.flatnonzero(taken["camera"] != b"")
    _, camera = np.unique(taken["camera"][rows], return_inverse=True)
    local, offset = taken["local_ms"][rows], taken["offset_min"][rows].astype(np.int64)
    zoned = np.flatnonzero(offset != NO_OFFSET)
    in_utc = zoned[_neighbours(camera[zoned], local[zoned] - 60_000 * offset[zoned], burst_s)]
    by_clock = _neighbours(camera, local, burst_s)
    by_clock = by_clock[(offset[by_clock] == NO_OFFSET).any(axis=1)]
    joined = connected_groups(len(rows), np.concatenate([in_utc, by_clock]))
    sizes = np.bincount(joined, minlength=1)
    return {int(row): str(group) for row, group in zip(rows, joined.tolist(), strict=True) if sizes[group] > 1}


def _neighbours(camera: NDArray[np.int64], time_ms: NDArray[np.int64], burst_s: float) -> NDArray[np.int64]:
    """Return the pairs `(m, 2)` that follow each other on one camera within `burst_s` seconds."""
    order = np.lexsort((time_ms, camera))
    one, other = order[:-1], order[1:]
    near = (camera[one] == camera[other]) & (time_ms[other] - time_ms[one] <= burst_s * 1000)
    return np.stack([one[near], other[near]], axis=1)
