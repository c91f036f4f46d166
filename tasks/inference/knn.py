"""Answering with what looks most alike: the nearest photos of training, by the cosine of their features."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tasks.inference.arrays import Ids
from tasks.store.atomic import atomic_path

_BLOCK = 1024
_CELLS = 16
"""Rows and columns of what `descriptors` sees of a picture."""


@dataclass(frozen=True)
class References:
    """Photos whose classes are known, to compare others with."""

    features: NDArray[np.float32]
    """(m, d), of length 1 each; sorted by class."""
    classes: Ids
    """(m,)"""
    photos: NDArray[np.str_]
    """(m,)"""

    @classmethod
    def of(cls, features: NDArray[Any], classes: Ids, photos: NDArray[Any]) -> Self:
        """Take features `(m, d)` of any length, class numbers `(m,)` and the names of photos `(m,)`."""
        order = np.argsort(classes, kind="stable")
        return cls(_of_length_1(features[order]), classes[order], np.asarray(photos, np.str_)[order])

    def write(self, path: Path) -> None:
        """Write them to a .npz; features as float16, whose rounding is below what tells photos apart."""
        with atomic_path(path) as partial, partial.open("wb") as file:
            np.savez(file, features=self.features.astype(np.float16), classes=self.classes, photos=self.photos)

    @classmethod
    def read(cls, path: Path) -> Self:
        """What `write` wrote."""
        with np.load(path) as found:
            return cls.of(found["features"], found["classes"], found["photos"])

    def class_similarity(self, features: NDArray[Any], classes: int) -> NDArray[np.float32]:
        """How much photos look like each class: the cosine with its most similar reference, `(n, classes)`, -1..1.

        features: `(n, d)`. A class without references has -1.
        """
        starts = np.flatnonzero(np.diff(self.classes, prepend=-1))
        there = self.classes[starts]
        found = np.full((len(features), classes), -1, np.float32)
        for start in range(0, len(features), _BLOCK):
            block = slice(start, start + _BLOCK)
            cosines = _of_length_1(features[block]) @ self.features.T
            found[block, there] = np.maximum.reduceat(cosines, starts, axis=1)
        return found

    def nearest(self, features: NDArray[Any], most: int) -> tuple[Ids, NDArray[np.float32]]:
        """The most similar references of photos, the nearest first: places and cosines, `(n, up to most)` both.

        features: `(n, d)`.
        """
        cosines = _of_length_1(features) @ self.features.T
        order = np.argsort(-cosines, axis=1, kind="stable")[:, :most]
        return order, np.take_along_axis(cosines, order, axis=1)


def descriptors(rows: NDArray[Any]) -> NDArray[np.float32]:
    """What is seen of pictures `(n, h, w, c)` without having learnt anything: means of 16 x 16 cells, `(n, d)`."""
    for axis in (1, 2):
        size = rows.shape[axis]
        starts = np.unique(np.linspace(0, size, min(size, _CELLS), endpoint=False).astype(np.int64))
        widths = np.diff(starts, append=size).reshape([-1 if at == axis else 1 for at in range(4)])
        rows = np.add.reduceat(rows, starts, axis=axis, dtype=np.float32) / widths
    return np.asarray(rows.reshape(len(rows), -1), np.float32)


def _of_length_1(features: NDArray[Any]) -> NDArray[np.float32]:
    features = features.astype(np.float32)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)
