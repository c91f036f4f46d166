"""Pools of immutable shards: the unit of work, of caching and of resuming.

A pool holds one row of an array per photo, for one config and version of a stage. A run computes only the photos that
no shard holds and adds them as new shards; a crash loses at most the shards in flight.

    <pool>/<sha256, 24 digits>.npy    the rows, read with numpy.load(path, mmap_mode="r")
    <pool>/<sha256, 24 digits>.json   written last: each row's photo and digest, the code's, the .npy's size
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from tasks.store import hashing
from tasks.store.atomic import atomic_path, atomic_write
from tasks.store.context import StageContext
from tasks.store.manifest import FileRecord

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("fluke.pool")


@dataclass(frozen=True)
class Shard:
    """Rows of an array on disk, and the photo that each was made from."""

    path: Path
    record: FileRecord
    photos: tuple[str, ...]
    rows: tuple[str, ...]
    """Digest of each row."""

    source: str
    """Digest of the code that made it."""

    @classmethod
    def write(cls, pool: Path, photos: Sequence[str], array: NDArray[Any], source: str = "") -> Self:
        """Write rows `(n, ...)` of n photos; the same rows again give the same file."""
        pool.mkdir(parents=True, exist_ok=True)
        array = np.ascontiguousarray(array)
        rows = tuple(hashing.of_bytes(row.tobytes())[:24] for row in array)
        path = pool / f"{hashing.of_value([photos, rows])[:24]}.npy"
        with atomic_path(path) as partial:
            np.save(partial, array)
            record = FileRecord.of(partial)
        side = {"photos": list(photos), "rows": rows, "source": source, "file": record.model_dump()}
        atomic_write(path.with_suffix(".json"), json.dumps(side).encode())
        return cls(path, record, tuple(photos), rows, source)

    @classmethod
    def read(cls, path: Path, *, verify: bool = False) -> Self | None:
        """The shard of a .npy, or None if it is incomplete or its size (with `verify`, its content) is wrong."""
        try:
            side = json.loads(path.with_suffix(".json").read_bytes())
            record = FileRecord.model_validate(side["file"])
            shard = cls(path, record, tuple(side["photos"]), tuple(side["rows"]), side["source"])
        except (FileNotFoundError, ValueError, KeyError):
            return None
        return None if record.problem(path, verify=verify) else shard


@dataclass(frozen=True)
class ShardPool:
    """The shards in one folder."""

    folder: Path
    shards: tuple[Shard, ...]
    """Where two hold the same photo, the later one counts: what was made in this run, else by today's code."""

    @classmethod
    def open(cls, folder: Path, context: StageContext) -> Self:
        """Read what is there; an absent folder is an empty pool."""
        found = (Shard.read(path, verify=context.verify) for path in sorted(folder.glob("[!.]*.npy")))
        shards = [shard for shard in found if shard]
        return cls(folder, tuple(sorted(shards, key=lambda shard: shard.source == context.source)))

    def compute_missing(
        self,
        photos: Sequence[str],
        compute: Callable[[Sequence[str]], NDArray[Any]],
        context: StageContext,
        *,
        label: str,
        shard_photos: int = 256,
    ) -> tuple["ShardPool", int]:
        """Compute the rows of those photos that no shard holds; returns the fuller pool and how many those were.

        `compute` gets some photos and returns an array with a row for each; it is called on the job's workers. A fresh
        job computes all of them; another one warns of rows that were made by other code than today's.
        """
        wanted = dict.fromkeys(photos)
        known = {} if context.fresh else {photo: shard for shard in self.shards for photo in shard.photos}
        missing = [photo for photo in wanted if photo not in known]
        older = sum(known[photo].source != context.source for photo in wanted if photo in known)
        if older:
            logger.warning(
                "%d %s in %s were made by other code than today's; --fresh makes them again", older, label, self.folder
            )
        chunks = [missing[start : start + shard_photos] for start in range(0, len(missing), shard_photos)]

        def make(chunk: list[str]) -> Shard:
            return Shard.write(self.folder, chunk, compute(chunk), context.source)

        new = []
        with context.progress(label, total=len(missing)) as advance:
            for shard in context.map(make, chunks):
                new.append(shard)
                advance(len(shard.photos))
        return ShardPool(self.folder, (*self.shards, *new)), len(missing)

    def index(self, photos: Iterable[str], root: Path) -> "pd.DataFrame":
        """Where each photo's row is: columns photo, shard (path below `root`), row, digest; in the order asked for."""
        import pandas as pd

        place = {
            photo: (shard.path.relative_to(root).as_posix(), row, shard.rows[row])
            for shard in self.shards
            for row, photo in enumerate(shard.photos)
        }
        rows = [(photo, *place[photo]) for photo in photos]
        return pd.DataFrame(rows, columns=["photo", "shard", "row", "digest"])

    def refs(self, index: "pd.DataFrame", root: Path) -> dict[Path, FileRecord]:
        """Records of the shards that an index points into."""
        used = set(index["shard"])
        return {s.path: s.record for s in self.shards if s.path.relative_to(root).as_posix() in used}


def names_by_content(index: "pd.DataFrame") -> list[str]:
    """What a pool of something computed from these rows calls them: by photo and by digest.

    A photo whose tile has changed is another row: what was computed from the old tile must not stand for it.
    """
    return (index["photo"] + "-" + index["digest"]).tolist()


def index_digest(index: "pd.DataFrame") -> str:
    """Digest of the rows that an index points at, wherever in the pool they are."""
    return hashing.of_value(sorted(zip(index["photo"], index["digest"], strict=True)))


class LazyRows:
    """Rows of a pool in the order of an index, read when asked for: `rows[[3, 1]]` is an array `(2, ...)`."""

    def __init__(self, index: "pd.DataFrame", root: Path) -> None:
        """Take an index (see `ShardPool.index`) and the data folder that its paths are below."""
        self._root = root
        self._names = sorted(set(index["shard"]))
        number: Mapping[str, int] = {name: i for i, name in enumerate(self._names)}
        self._shard = np.array([number[name] for name in index["shard"]], dtype=np.int64)
        self._row = index["row"].to_numpy(dtype=np.int64)

    def __len__(self) -> int:
        return len(self._row)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        return _load(self._root / self._names[0]).shape[1:]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return _load(self._root / self._names[0]).dtype

    def __getitem__(self, positions: Sequence[int] | NDArray[np.integer] | slice) -> NDArray[Any]:
        shard, row = self._shard[positions], self._row[positions]
        out = np.empty((len(row), *self.shape), self.dtype)
        for number in np.unique(shard):
            where = np.flatnonzero(shard == number)
            out[where] = _load(self._root / self._names[number])[row[where]]
        return out


@lru_cache(maxsize=256)
def _load(path: Path) -> NDArray[Any]:
    array: NDArray[Any] = np.load(path, mmap_mode="r")
    return array
