"""Nearest-neighbour classification: compare photos with train photos by the cosine of their features."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tasks.inference.arrays import Ids, l2_normalize
from tasks.store.atomic import atomic_path
from tasks.store.json_file import damaged

_BLOCK = 1024
"""Photos whose cosines are computed at once, to limit memory."""
_CELLS = 16
"""Rows and columns of the grid over which `descriptors` averages an image."""


@dataclass(frozen=True)
class References:
    """The m train photos that other photos are compared with."""

    features: NDArray[np.float32]
    """(m, d), each of length 1; sorted by class."""
    classes: Ids
    """(m,) class numbers."""
    photos: NDArray[np.str_]
    """(m,) digests of the photos."""

    @classmethod
    def of(cls, features: NDArray[Any], classes: Ids, photos: NDArray[Any]) -> Self:
        """Normalise and sort references.

        Args:
            features: (m, d), of any length.
            classes: (m,) class numbers.
            photos: (m,) digests of the photos.
        """
        order = np.argsort(classes, kind="stable")
        return cls(l2_normalize(features[order]), classes[order], np.asarray(photos, np.str_)[order])

    def write(self, path: Path) -> None:
        """Write a .npz file. Features become float16; the differences between photos are larger than its rounding."""
        with atomic_path(path) as partial, partial.open("wb") as file:
            np.savez(file, features=self.features.astype(np.float16), classes=self.classes, photos=self.photos)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file of `write`.

        Raises:
            DamagedFileError: It contains something else.
        """
        try:
            with np.load(path, allow_pickle=False) as found:
                return cls.of(found["features"], found["classes"], found["photos"])
        except OSError:
            raise
        except Exception as error:  # NumPy and zipfile raise many kinds of errors
            raise damaged(path, error) from error

    def class_similarity(self, features: NDArray[Any], classes: int) -> NDArray[np.float32]:
        """Compute how similar photos are to each class: the cosine with the most similar reference of the class.

        Args:
            features: (n, d) of the photos.
            classes: Number of classes.

        Returns:
            (n, classes) in -1..1; -1 for a class without references.
        """
        starts = np.flatnonzero(np.diff(self.classes, prepend=-1))
        present = self.classes[starts]
        found = np.full((len(features), classes), -1, np.float32)
        for start in range(0, len(features), _BLOCK):
            block = slice(start, start + _BLOCK)
            cosines = l2_normalize(features[block]) @ self.features.T
            found[block, present] = np.maximum.reduceat(cosines, starts, axis=1)
        return found

    def nearest(self, features: NDArray[Any], most: int) -> tuple[Ids, NDArray[np.float32]]:
        """Find the most similar references of photos with features `(n, d)`, the most similar first.

        Returns:
            Positions of the references and cosines, both (n, k) with k up to `most`.
        """
        cosines = l2_normalize(features) @ self.features.T
        order = np.argsort(-cosines, axis=1, kind="stable")[:, :most]
        return order, np.take_along_axis(cosines, order, axis=1)


def descriptors(rows: NDArray[Any]) -> NDArray[np.float32]:
    """Describe images `(n, h, w, c)` without a trained network: the means over a grid of 16 x 16 cells, `(n, d)`."""
    for axis in (1, 2):
        size = rows.shape[axis]
        starts = np.unique(np.linspace(0, size, min(size, _CELLS), endpoint=False).astype(np.int64))
        widths = np.diff(starts, append=size).reshape([-1 if at == axis else 1 for at in range(4)])
        rows = np.add.reduceat(rows, starts, axis=axis, dtype=np.float32) / widths
    return np.asarray(rows.reshape(len(rows), -1), np.float32)
