"""Multinomial logistic regression on features, with L2 regularisation, over a path of strengths."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

STRENGTHS = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
"""Weights of the regularisation, the strongest first; the loss is a mean over photos."""
_MAX_STEPS = 300
_LEAST_DEVIATION = 1e-6


@dataclass(frozen=True)
class Linear:
    """A linear classifier of vectors."""

    kernel: NDArray[np.float32]
    """(d, classes)"""
    bias: NDArray[np.float32]
    """(classes,)"""

    def __call__(self, vectors: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Compute logits `(n, classes)` of vectors `(n, d)`."""
        return np.asarray(vectors.astype(np.float32) @ self.kernel + self.bias, np.float32)

    def minus(self, amounts: NDArray[np.floating[Any]]) -> "Linear":
        """Subtract a constant from the logit of each class, `(classes,)`."""
        return Linear(self.kernel, (self.bias - amounts).astype(np.float32))


def fit_path(
    vectors: NDArray[np.float32],
    targets: NDArray[np.integer[Any]],
    classes: int,
    *,
    weights: NDArray[np.floating[Any]] | None = None,
    strengths: Sequence[float] = STRENGTHS,
) -> Iterator[tuple[float, Linear]]:
    """Fit one classifier for each strength, each from the solution before.

    The mean of the weighted cross entropy plus `strength / 2` times the mean square of the kernel of the standardised
    features is minimised, by L-BFGS. Features are standardised by the mean and the deviation of these vectors; both
    are folded into the kernel and the bias.

    Args:
        vectors: `(n, d)`.
        targets: class numbers `(n,)`.
        classes: number of classes.
        weights: weight of each photo, `(n,)`; None: all are equal.
        strengths: the strongest regularisation first.

    Yields:
        Each strength and its classifier.
    """
    from scipy.optimize import minimize

    mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    deviation = np.maximum(vectors.std(axis=0), _LEAST_DEVIATION)
    x = (vectors - mean) / deviation
    count, length = x.shape
    share = np.full(count, 1 / count, np.float32) if weights is None else (weights / weights.sum()).astype(np.float32)
    rows = np.arange(count)

    def loss(flat: NDArray[np.float64], strength: float) -> tuple[float, NDArray[np.float64]]:
        kernel = flat[: length * classes].reshape(length, classes).astype(np.float32)
        logits = x @ kernel + flat[length * classes :].astype(np.float32)
        logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=logits)
        total = logits.sum(axis=1)
        true = logits[rows, targets] / total
        value = -float(share @ np.log(np.maximum(true, 1e-30)))
        logits *= (share / total)[:, None]  # now the gradient with respect to the logits
        logits[rows, targets] -= share
        slope = x.T @ logits + (strength / length) * kernel
        value += 0.5 * strength * float(np.square(kernel, dtype=np.float64).sum()) / length
        return value, np.concatenate([slope.ravel(), logits.sum(axis=0)]).astype(np.float64)

    flat = np.zeros(length * classes + classes)
    for strength in strengths:
        options = {"maxiter": _MAX_STEPS, "ftol": 1e-7, "gtol": 1e-6}
        flat = minimize(loss, flat, (strength,), "L-BFGS-B", jac=True, options=options).x
        kernel = (flat[: length * classes].reshape(length, classes) / deviation[:, None]).astype(np.float32)
        yield strength, Linear(kernel, (flat[length * classes :] - mean @ kernel).astype(np.float32))


def log_loss(logits: NDArray[np.floating[Any]], targets: NDArray[np.integer[Any]]) -> float:
    """Compute the mean negative log-likelihood of class numbers `(n,)` by logits `(n, classes)`."""
    from scipy.special import log_softmax

    return -float(np.take_along_axis(log_softmax(logits.astype(np.float64), axis=1), targets[:, None], axis=1).mean())
