"""Rows of shards, read on access: what later stages learn and predict from, without all of it in memory."""

import math
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.store.bucket import copies
from tasks.store.errors import DamagedFileError
from tasks.store.paths import inside, shown

if TYPE_CHECKING:
    import pandas as pd


class LazyRows:
    """Rows of a pool in the order of an index, read on access: `rows[[3, 1]]` is an array `(2, ...)`."""

    def __init__(self, index: "pd.DataFrame", root: Path) -> None:
        """Take an index (see `tasks.store.shards.ShardPool.index`) and the data folder."""
        self._root = root
        self._names = sorted(set(index["shard"]))
        number: Mapping[str, int] = {name: i for i, name in enumerate(self._names)}
        self._shard = np.array([number[name] for name in index["shard"]], dtype=np.int64)
        self._row = index["row"].to_numpy(dtype=np.int64)

    def __len__(self) -> int:
        return len(self._row)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one row."""
        return self._array(0).shape[1:]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the values."""
        return self._array(0).dtype

    def __getitem__(self, positions: Sequence[int] | NDArray[np.integer] | slice) -> NDArray[Any]:
        shard, row = self._shard[positions], self._row[positions]
        out = np.empty((len(row), *self.shape), self.dtype)
        for number in np.unique(shard):
            where = np.flatnonzero(shard == number)
            array = self._array(int(number))
            if array.shape[1:] != out.shape[1:] or row[where].min() < 0 or row[where].max() >= len(array):
                raise _damaged(inside(self._root, self._names[number]), f"it has no such rows: {array.shape}")
            _read(inside(self._root, self._names[number]), array, row[where], out, where)
        return out

    def _array(self, number: int) -> NDArray[Any]:
        path = inside(self._root, self._names[number])
        copies.use(path)
        try:
            return _load(path)
        except OSError:
            raise
        except Exception as error:  # NumPy raises many kinds of errors, even those of its tokenizer
            raise _damaged(path, error) from error


def _read(
    path: Path, array: NDArray[Any], rows: NDArray[np.int64], out: NDArray[Any], where: NDArray[np.int64]
) -> None:
    """Read rows of a shard to some places of `out`.

    They are read, not taken from the mapped file: its pages would count as memory of the process, until all photos of a
    set are in it, and a thread that waits for a page stops the others.
    """
    if not isinstance(array, np.memmap) or array.dtype != out.dtype or not array.flags.c_contiguous:
        out[where] = array[rows]
        return
    size = math.prod(array.shape[1:]) * array.dtype.itemsize
    copies.use(path)
    with path.open("rb", buffering=0) as file:
        for row, place in zip(rows.tolist(), where.tolist(), strict=True):
            if os.preadv(file.fileno(), [out[place : place + 1].data], array.offset + row * size) != size:
                raise _damaged(path, "it is too short")


def _damaged(path: Path, reason: object) -> DamagedFileError:
    why = shown(str(reason))[1:-1]
    return DamagedFileError(f"{path} is damaged ({why}); run the same command again with --verify, which replaces it")


@lru_cache(maxsize=256)
def _load(path: Path) -> NDArray[Any]:
    array: NDArray[Any] = np.load(path, mmap_mode="r")
    return array


copies.after_removal(_load.cache_clear)  # as long as a file is mapped, its deletion frees nothing
