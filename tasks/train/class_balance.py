"""Weights and priors of classes with different numbers of photos."""

import numpy as np
from numpy.typing import NDArray

from configs.schema import ImbalanceConfig

WEIGHTED, ADJUSTED = ("weights", "effective", "retrain_head"), ("logit_adjustment", "balanced_softmax")
"""Methods by what they change for a linear classifier: the weights of photos, or the logits."""


def class_weights(counts: NDArray[np.integer], config: ImbalanceConfig) -> NDArray[np.float32]:
    """Compute the weight in the loss of a photo of each class; the mean over all photos is 1.

    Args:
        counts: number of train photos of each class, `(classes,)`, at least 1 each.
        config: the method and its parameters. `weights` gives 1 / count^power; `effective` gives
            (1 - beta) / (1 - beta^count) (Cui et al., arXiv:1901.05555, eq. 2). Both are limited to `cap` times the
            smallest weight. All other methods weigh photos equally.

    Returns:
        Weights, float32 `(classes,)`.
    """
    sizes = counts.astype(np.float64)
    weights: NDArray[np.float64] = np.ones_like(sizes)
    if config.method == "weights":
        weights = sizes**-config.power
    elif config.method == "effective":
        weights = (1 - config.beta) / (1 - config.beta**sizes)
    weights = np.minimum(weights, config.cap * weights.min())
    weights *= sizes.sum() / np.dot(weights, sizes)
    return weights.astype(np.float32)


def log_priors(counts: NDArray[np.integer]) -> NDArray[np.float32]:
    """Compute the natural logarithm of each class's share of the photos.

    Args:
        counts: number of photos of each class, `(classes,)`, at least 1 each.

    Returns:
        Log priors, float32 `(classes,)`, 0 or less.
    """
    logs: NDArray[np.float32] = np.log(counts / counts.sum()).astype(np.float32)
    return logs
