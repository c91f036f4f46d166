"""Embeddings as directions: their lengths tell more of a photo's contrast than of what it shows."""

import numpy as np
from numpy.typing import NDArray

_SHORTEST = float(np.finfo(np.float32).tiny)


def unit(vectors: NDArray[np.floating], *, shortest: float = _SHORTEST) -> NDArray[np.float32]:
    """Vectors `(n, d)` at length 1, float32; those that are no longer than `shortest` become zero."""
    vectors = vectors.astype(np.float32)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > shortest, length, np.inf), np.float32)
