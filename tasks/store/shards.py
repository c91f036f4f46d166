"""Pools of immutable shards: arrays that are computed, cached and resumed piece by piece.

A pool contains one row of an array per photo, for one config and version of a stage. A run computes only the photos
that are in no shard and adds them as new shards; a crash loses at most the shards that are being computed.

    <pool>/<sha256, 24 digits>.npy    the rows, read with numpy.load(path, mmap_mode="r")
    <pool>/<sha256, 24 digits>.json   written last: photo and digest of each row, digest of the code, size of the .npy
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from numpy.typing import NDArray
from pydantic import BaseModel

from tasks.store import hashing
from tasks.store.atomic import atomic_write, publish, temporary_path
from tasks.store.bucket import copies
from tasks.store.context import StageContext
from tasks.store.manifest import FileRecord, read_regular
from tasks.store.npy_file import write_rows
from tasks.store.permissions import make_private_folder

if TYPE_CHECKING:
    import pandas as pd

Source = TypeVar("Source")
"""What a row is computed from."""

logger = logging.getLogger("fluke.pool")
_SHARED_PHOTOS = 64
"""So many photos are shared between two threads at least."""


class _Side(BaseModel):
    """The description of a shard on disk."""

    photos: tuple[str, ...]
    rows: tuple[str, ...]
    source: str
    file: FileRecord


@dataclass(frozen=True)
class Shard:
    """An array on disk with one row per photo."""

    path: Path
    record: FileRecord
    photos: tuple[str, ...]
    rows: tuple[str, ...]
    """Digest of each row."""

    source: str
    """Digest of the code that computed it."""

    @classmethod
    def write(cls, pool: Path, photos: Sequence[str], rows: Iterable[NDArray[Any]], source: str = "") -> Self:
        """Write a shard; the same rows always give the same file.

        Args:
            pool: The folder of the pool.
            photos: Names of the n photos.
            rows: Their rows: an array `(n, ...)`, or an iterator, which needs less memory.
            source: Digest of the code that computed them.
        """
        make_private_folder(pool)
        with temporary_path(pool, ".npy", private=True, shown_as=pool) as partial:
            digests, record = write_rows(partial, len(photos), rows, shown_as=pool)
            short = tuple(digest[:24] for digest in digests)
            path = pool / f"{hashing.of_value([photos, short])[:24]}.npy"
            publish(partial, path)
        side = {"photos": list(photos), "rows": short, "source": source, "file": record.model_dump()}
        atomic_write(path.with_suffix(".json"), json.dumps(side).encode(), private=True)
        return cls(path, record, tuple(photos), short, source)

    @classmethod
    def read(cls, path: Path, *, verify: bool = False) -> Self | None:
        """Read the description of a shard, not its rows.

        Args:
            path: The .npy file.
            verify: Whether to compare its SHA-256, not only its size.

        Returns:
            The shard, or None if it is incomplete or damaged.
        """
        try:
            side = _Side.model_validate_json(read_regular(path.with_suffix(".json")))
        except (FileNotFoundError, ValueError):
            return None
        if len(side.photos) != len(side.rows):
            return None
        if side.file.problem(path, verify=verify) and not copies.leaves_out(path):
            return None
        return cls(path, side.file, side.photos, side.rows, side.source)


@dataclass(frozen=True)
class ShardPool:
    """The shards in a folder."""

    folder: Path
    shards: tuple[Shard, ...]
    """If two contain the same photo, the later one counts; those that the current code computed are last."""

    @classmethod
    def open(cls, folder: Path, context: StageContext) -> Self:
        """Read the shards in a folder; a missing folder is an empty pool."""
        names = sorted(path.with_suffix(".npy") for path in folder.glob("[!.]*.json"))  # a shard itself may be left out
        found = (Shard.read(path, verify=context.verify) for path in names)
        shards = [shard for shard in found if shard]
        return cls(folder, tuple(sorted(shards, key=lambda shard: shard.source == context.source)))

    def compute_missing(
        self,
        photos: Mapping[str, Source],
        compute: Callable[[Mapping[str, Source]], Iterable[NDArray[Any]]],
        context: StageContext,
        *,
        label: str,
        shard_photos: int = 256,
    ) -> tuple["ShardPool", int]:
        """Compute the rows of the photos that are in no shard; with `context.fresh`, of all photos.

        Logs a warning if older code computed some of the rows that are reused.

        Args:
            photos: The photos that are needed: their names, and what each is computed from, such as its file.
            compute: Takes some of them and returns an array with a row for each, or yields the rows one by one; the
                workers of the context call it, see `Workers.map`.
            context: The context of the stage.
            label: What the rows are, for messages, such as `tiles`.
            shard_photos: Photos per shard.

        Returns:
            The pool with the new shards, and the number of photos that were computed.
        """
        known = {} if context.fresh else {photo: shard for shard in self.shards for photo in shard.photos}
        missing = [photo for photo in photos if photo not in known]
        older = sum(known[photo].source != context.source for photo in photos if photo in known)
        if older:
            logger.warning(
                "%d %s in %s were computed by an earlier version of the code; --fresh computes them again",
                older,
                label,
                self.folder,
            )
        size = _chunk_photos(len(missing), shard_photos)
        chunks = (
            {photo: photos[photo] for photo in missing[start : start + size]} for start in range(0, len(missing), size)
        )
        make = _MakeShard(self.folder, compute, context.source)
        new = []
        with context.progress(label, total=len(missing)) as advance:
            for shard in context.spread(make, chunks, label):
                new.append(shard)
                advance(len(shard.photos))
        return ShardPool(self.folder, (*self.shards, *new)), len(missing)

    def index(self, photos: Iterable[str], root: Path) -> "pd.DataFrame":
        """Locate the row of each photo: a frame with the columns of `tables.shared.INDEX`, in the order of `photos`.

        Args:
            photos: Names of photos in this pool.
            root: The data folder; the paths of shards are relative to it.
        """
        import pandas as pd

        place = {
            photo: (shard.path.relative_to(root).as_posix(), row, shard.rows[row])
            for shard in self.shards
            for row, photo in enumerate(shard.photos)
        }
        rows = [(photo, *place[photo]) for photo in photos]
        return pd.DataFrame(rows, columns=["photo", "shard", "row", "digest"])

    def refs(self, index: "pd.DataFrame", root: Path) -> dict[Path, FileRecord]:
        """Return the records of the shards that an index refers to, by path."""
        used = set(index["shard"])
        return {s.path: s.record for s in self.shards if s.path.relative_to(root).as_posix() in used}


@dataclass(frozen=True)
class _MakeShard:
    """Computes the rows of some photos, and writes them as a shard."""

    pool: Path
    compute: Callable[[Mapping[str, Any]], Iterable[NDArray[Any]]]
    source: str

    def __call__(self, photos: Mapping[str, Any]) -> Shard:
        return Shard.write(self.pool, list(photos), self.compute(photos), self.source)


def _chunk_photos(count: int, most: int) -> int:
    """Return how many photos are computed at once, at most `most`; many photos are shared between two threads.

    A few photos are one chunk, so that runs with a few new photos don't leave many small files.
    """
    parts = -(-count // most)
    return -(-count // (parts + parts % 2)) if count >= _SHARED_PHOTOS else most


def names_by_content(index: "pd.DataFrame") -> list[str]:
    """Return a name for each row of an index, from its photo and its digest.

    Pools of values that are computed from these rows use it: if the tile of a photo changes, so does its name, and the
    values of the old tile are not reused.
    """
    return (index["photo"] + "-" + index["digest"]).tolist()


def index_digest(index: "pd.DataFrame", *more: "pd.DataFrame") -> str:
    """Compute the digest of the rows that indexes refer to; their place in the pool doesn't count.

    Without rows in the further indexes, it is the digest of the first one alone.
    """
    rows = [sorted(zip(each["photo"], each["digest"], strict=True)) for each in (index, *more)]
    return hashing.of_value(rows if any(rows[1:]) else rows[0])
