"""Mean and variance of the channels of codes, batch by batch."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def channel_moments(batches: Iterable[NDArray[Any]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the mean and the variance of each channel over all places of all codes.

    Args:
        batches: codes `(n, h, w, c)`, at least one; only one batch is in memory at a time.

    Returns:
        Mean and variance, both `(c,)`.
    """
    total: NDArray[np.float64] | float = 0.0
    squares: NDArray[np.float64] | float = 0.0
    values = 0
    for batch in batches:
        flat = batch.astype(np.float64).reshape(-1, batch.shape[-1])
        total, squares, values = total + flat.sum(0), squares + np.square(flat).sum(0), values + len(flat)
    mean = np.asarray(total / values)
    return mean, np.maximum(squares / values - np.square(mean), 0)
