"""Classes of uneven size: what each photo counts, and how common each class is."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["none", "balanced", "sqrt", "effective"]


def class_weights(counts: NDArray[np.integer], kind: Kind, cap: float, beta: float = 0.999) -> NDArray[np.float32]:
    """What a photo of each class counts in the loss, float32 `(classes,)`; over all photos the mean is 1.

    counts: train photos of each class, `(classes,)`, all at least 1.
    kind: all alike, 1/count, 1/sqrt(count), or 1/effective number, (1 - beta) / (1 - beta^count) (Cui et al.,
    arXiv:1901.05555, eq. 2).
    cap: the heaviest photo counts at most so many times the lightest.
    """
    sizes = counts.astype(np.float64)
    weights: NDArray[np.float64]
    if kind == "effective":
        weights = (1 - beta) / (1 - beta**sizes)
    else:
        weights = sizes ** -{"none": 0.0, "balanced": 1.0, "sqrt": 0.5}[kind]
    weights = np.minimum(weights, cap * weights.min())
    weights *= sizes.sum() / np.dot(weights, sizes)
    return weights.astype(np.float32)


def log_shares(counts: NDArray[np.integer]) -> NDArray[np.float32]:
    """Natural logarithm of each class's share of the photos, float32 `(classes,)`; counts are at least 1."""
    logs: NDArray[np.float32] = np.log(counts / counts.sum()).astype(np.float32)
    return logs
