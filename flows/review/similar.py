"""Photos that are similar to a photo: by the features that a run has stored, compared by their cosine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flows.predict.run_photos import folder_of, kept
from flows.run_records import RunRecord
from tasks.store.store import Store
from tasks.tables.evaluate import DESCRIPTORS, FEATURES

_ROWS = 4096
"""So many rows are read at a time."""


@dataclass(frozen=True)
class StoredFeatures:
    """The features of the kept photos of a run; they stay on the disk."""

    path: Path
    """An array `(n, d)` of floats."""
    photos: tuple[str, ...] = field(repr=False)
    """SHA-256 of the n photos."""

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {photo: row for row, photo in enumerate(self.photos)}

    def __contains__(self, photo: str) -> bool:
        return photo in self._rows

    def cosines(self, photo: str) -> Mapping[str, float]:
        """Return the cosine similarity of each photo to one of them, by SHA-256; empty if it has no features."""
        if photo not in self._rows:
            return {}
        vectors = np.load(self.path, mmap_mode="r")
        return dict(zip(self.photos, cosines(vectors, self._rows[photo]).tolist(), strict=True))


def cosines(vectors: NDArray[np.floating], row: int) -> NDArray[np.float32]:
    """Return the cosine similarity of each row of `(n, d)` to one of them, `(n,)`, -1..1; 0 for a row of zeros."""
    flat = vectors.reshape(len(vectors), -1)
    wanted = np.asarray(flat[row], np.float32)
    found = np.zeros(len(flat), np.float32)
    for start in range(0, len(flat), _ROWS):
        block = np.asarray(flat[start : start + _ROWS], np.float32)
        lengths = np.linalg.norm(block, axis=1) * np.linalg.norm(wanted)
        found[start : start + _ROWS] = np.divide(
            block @ wanted, lengths, out=np.zeros(len(block), np.float32), where=lengths > 0
        )
    return found


def stored_features(store: Store, run: RunRecord) -> StoredFeatures | None:
    """Return the features of a run's photos; None if they have been deleted."""
    evaluation, rows = folder_of(store, run, "evaluate"), kept(store, run)
    if evaluation is None or rows is None:
        return None
    for table in (FEATURES, DESCRIPTORS):
        if (path := table.path(evaluation)).exists():
            photos = tuple(map(str, rows["photo"]))
            return StoredFeatures(path, photos) if len(np.load(path, mmap_mode="r")) == len(photos) else None
    return None
