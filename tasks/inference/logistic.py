"""Multinomial logistic regression on features, with L2 regularisation, over a path of strengths."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

PATH = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""Inverse strengths of the regularisation, the strongest first, as scikit-learn's C for vectors of mean length 1."""
_MAX_STEPS = 200
_LEAST_VARIANCE = 1e-6
"""Directions with less than this share of the largest variance are left out: they are rounding errors."""
_LEAST_COUNT = 1e-2
_BLOCK_ROWS = 1024
_MOST_VALUES = 10**10
"""With more photos x classes x features than this, a step takes seconds: fewer directions are used then."""
_FEW_DIRECTIONS = 256


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

    def widened(self, length: int) -> "Linear":
        """Take longer vectors, of `length` features, of which the further ones decide nothing."""
        return Linear(np.pad(self.kernel, ((0, length - len(self.kernel)), (0, 0))), self.bias)

    def minus(self, amounts: NDArray[np.floating[Any]]) -> "Linear":
        """Subtract a constant from the logit of each class, `(classes,)`."""
        return Linear(self.kernel, (self.bias - amounts).astype(np.float32))


def fit_path(
    vectors: NDArray[np.float32],
    targets: NDArray[np.integer[Any]],
    classes: int,
    *,
    weights: NDArray[np.floating[Any]] | None = None,
    path: Sequence[float] = PATH,
) -> Iterator[tuple[float, Linear]]:
    """Fit one classifier for each C of a path, each from the solution before.

    The features are standardised and divided by the square root of their number, see `fit_scaled_path`; scaling and
    centring are then folded into kernel and bias.

    Args:
        vectors: `(n, d)`.
        targets: class numbers `(n,)`.
        classes: number of classes.
        weights: weight of each vector, `(n,)`; None: all are equal.
        path: each C, the smallest first.

    Yields:
        Each C and its classifier.
    """
    scaling = Scaling.of(vectors)
    for inverse, linear in fit_scaled_path(scaling(vectors), targets, classes, weights=weights, path=path):
        yield inverse, scaling.unfolded(linear)


def fit_scaled_path(
    z: NDArray[np.float32],
    targets: NDArray[np.integer[Any]],
    classes: int,
    *,
    weights: NDArray[np.floating[Any]] | None = None,
    path: Sequence[float] = PATH,
) -> Iterator[tuple[float, Linear]]:
    """Fit one classifier of scaled features for each C of a path, each from the solution before.

    The mean of the weighted cross entropy plus `|kernel|^2 / (2 C n)` is minimised. The features are rotated to their
    principal directions, which leaves the minimum unchanged, and each direction is scaled by the curvature of the loss
    along it, so that L-BFGS (Liu and Nocedal, Math. Programming 45, 1989) needs few steps. With very many photos and
    classes, the 256 directions with the largest variances are used.

    Args:
        z: features `(n, d)`, as `Scaling` returns them; they are overwritten, to save memory.
        targets: class numbers `(n,)`.
        classes: number of classes.
        weights: weight of each photo, `(n,)`; None: all are equal.
        path: each C, the smallest first.

    Yields:
        Each C and its classifier of scaled features.
    """
    from scipy.optimize import minimize

    directions, variances = principal_directions(z)
    if z.size * classes > _MOST_VALUES:
        directions, variances = directions[:, -_FEW_DIRECTIONS:], variances[-_FEW_DIRECTIONS:]
    z = _rotated_in_place(z, directions)
    count, length = z.shape
    share = np.full(count, 1 / count, np.float32) if weights is None else (weights / weights.sum()).astype(np.float32)
    priors = np.bincount(targets, weights=share * count, minlength=classes) + _LEAST_COUNT
    priors = (priors / priors.sum()).astype(np.float32)
    curvature = float(np.mean(priors * (1 - priors)))
    rows = np.arange(count)
    solution = np.concatenate([np.zeros((length, classes), np.float32), np.log(priors)[None]])

    def loss(flat: NDArray[np.float64], step: NDArray[np.float32], decay: float) -> tuple[float, NDArray[np.float64]]:
        scaled = flat.reshape(length + 1, classes).astype(np.float32) * step
        kernel = scaled[:-1]
        logits = z @ kernel + scaled[-1]
        logits -= logits.max(axis=1, keepdims=True)
        true = logits[rows, targets]
        np.exp(logits, out=logits)
        total = logits.sum(axis=1)
        value = float(share @ (np.log(total) - true)) + decay / 2 * float(np.square(kernel, dtype=np.float64).sum())
        logits *= (share / total)[:, None]
        logits[rows, targets] -= share  # now the gradient with respect to the logits
        slope = np.concatenate([z.T @ logits + decay * kernel, logits.sum(axis=0)[None]]) * step
        return value, slope.ravel().astype(np.float64)

    for inverse in path:
        decay = 1 / (inverse * count)
        step = 1 / np.sqrt(np.append(curvature * variances + decay, curvature)).astype(np.float32)[:, None]
        found = minimize(
            loss,
            (solution / step).ravel().astype(np.float64),
            (step, decay),
            "L-BFGS-B",
            jac=True,
            options={"maxiter": _MAX_STEPS, "ftol": 1e-6, "gtol": 1e-9},
        )
        solution = found.x.reshape(length + 1, classes).astype(np.float32) * step
        yield inverse, Linear(directions @ solution[:-1], solution[-1])


def log_losses(logits: NDArray[np.floating[Any]], targets: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Compute the negative log-likelihood `(n,)` of class numbers `(n,)` by logits `(n, classes)`."""
    from scipy.special import log_softmax

    logs: NDArray[np.float64] = log_softmax(logits.astype(np.float64), axis=1)
    return -np.take_along_axis(logs, targets[:, None], axis=1)[:, 0]


class Scaling(NamedTuple):
    """Standardises features, and divides them by the square root of their number: their mean length becomes 1."""

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]

    @classmethod
    def of(cls, vectors: NDArray[np.float32]) -> "Scaling":
        """Measure vectors `(n, d)`."""
        mean = vectors.mean(axis=0, dtype=np.float64)
        squares = sum(((block - mean) ** 2).sum(axis=0) for block in _blocks(vectors))  # std needs 64 bits for each
        variance = squares / len(vectors)
        spread = np.sqrt(variance.mean() + mean.var())  # of all values together
        deviation = np.sqrt(variance) + 1e-3 * spread + 1e-12  # constant features stay constant
        return cls(mean.astype(np.float32), (deviation * np.sqrt(vectors.shape[1])).astype(np.float32))

    def __call__(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scale vectors `(n, d)`; returns new ones."""
        scaled = vectors - self.mean
        scaled /= self.scale
        return scaled

    def unfolded(self, linear: Linear) -> Linear:
        """Turn a classifier of scaled features into one of the features."""
        kernel = (linear.kernel / self.scale[:, None]).astype(np.float32)
        return Linear(kernel, (linear.bias - self.mean @ kernel).astype(np.float32))


def _blocks(vectors: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Yield the vectors, some thousand at a time: temporary arrays of all of them need a multiple of their memory."""
    for start in range(0, len(vectors), _BLOCK_ROWS):
        yield vectors[start : start + _BLOCK_ROWS]


def _rotated_in_place(x: NDArray[np.float32], directions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return `x @ directions`, `(n, r)`, in the memory of x, `(n, d)`; r is at most d."""
    for block in _blocks(x):
        block[:, : directions.shape[1]] = block @ directions
    return x[:, : directions.shape[1]]


def principal_directions(x: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the orthonormal directions `(d, r)` in which centred vectors `(n, d)` vary, and their variances `(r,)`.

    The largest variance is the last one.
    """
    count, length = x.shape
    if count < length:  # the smaller of both matrices has the same eigenvalues
        values, vectors = np.linalg.eigh((x @ x.T).astype(np.float64))
        kept = values > max(values[-1], 0) * _LEAST_VARIANCE
        scale = np.sqrt(values[kept])
        return ((x.T @ vectors[:, kept].astype(np.float32)) / scale).astype(np.float32), values[kept] / count
    values, vectors = np.linalg.eigh((x.T @ x).astype(np.float64))
    kept = values > max(values[-1], 0) * _LEAST_VARIANCE
    return vectors[:, kept].astype(np.float32), values[kept] / count
