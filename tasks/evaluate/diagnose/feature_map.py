"""A map of photos: two coordinates for each, so that photos with similar features lie near each other."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.inference.arrays import Floats

_PERPLEXITY = 25
"""About how many neighbours a photo has."""
_LEAST_PHOTOS = 5
"""Fewer photos lie where their principal components are."""
_DIRECTIONS = 30
"""Principal directions that the distances are measured along."""
_STEPS, _EXAGGERATED_STEPS, _EXAGGERATION = 350, 100, 6.0
_RATE = 50.0
_TINY = 1e-12


def feature_map(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Place photos on a map by t-SNE (van der Maaten and Hinton 2008, JMLR 9, 2579-2605), the exact method.

    It begins with the principal components, so the same features give the same map. scikit-learn's function gives
    much the same map; to import it takes longer than this for some hundred photos.

    Args:
        features: (n, d); n may be up to some hundreds, because the time grows with its square.

    Returns:
        (n, 2) coordinates in 0..1.
    """
    components = _principal_components(features)
    start = np.pad(components[:, :2], ((0, 0), (0, max(0, 2 - components.shape[1]))))
    if len(features) < _LEAST_PHOTOS or components[:, 0].std() < _TINY:
        return _in_unit_square(start)
    start = (start / start[:, 0].std() * 1e-2).astype(np.float32)
    return _in_unit_square(_arrange(_similarities(components).astype(np.float32), start))


def _principal_components(features: NDArray[np.float32]) -> Floats:
    """Compute the first principal components of features (n, d): (n, up to 30), that with the largest variance first.

    Those of the smaller matrix are computed, of n or of d rows.
    """
    centred = (features - features.mean(axis=0)).astype(np.float64)
    if len(centred) < centred.shape[1]:
        values, vectors = np.linalg.eigh(centred @ centred.T)
        components = vectors * np.sqrt(np.maximum(values, 0))
    else:
        components = centred @ np.linalg.eigh(centred.T @ centred)[1]
    return np.asarray(components[:, ::-1][:, :_DIRECTIONS], np.float64)


def _similarities(components: Floats) -> Floats:
    """Compute how similar photos are: (n, n) symmetric, with the sum 1; the width around each gives the perplexity."""
    distances = _squared_distances(components)
    distances /= distances.mean() + _TINY
    np.fill_diagonal(distances, np.inf)
    wanted = np.log(min(_PERPLEXITY, (len(components) - 1) / 3))
    low, high = np.full(len(components), -15.0), np.full(len(components), 15.0)
    nearest = distances.min(axis=1, keepdims=True)
    for _ in range(40):  # bisection of the logarithm of each photo's precision
        middle = (low + high) / 2
        shares = np.exp(-(distances - nearest) * np.exp(middle)[:, None])
        shares /= shares.sum(axis=1, keepdims=True)
        entropy = -(shares * np.log(np.maximum(shares, _TINY))).sum(axis=1)
        low, high = np.where(entropy > wanted, middle, low), np.where(entropy > wanted, high, middle)
    return np.asarray(np.maximum((shares + shares.T) / (2 * len(shares)), _TINY), np.float64)


def _arrange(joint: NDArray[np.float32], places: NDArray[np.float32]) -> NDArray[np.float32]:
    """Move places (n, 2) by gradient descent with momentum, until their similarities are those of `joint` (n, n)."""
    speed, gains = np.zeros_like(places), np.ones_like(places)
    for step in range(_STEPS):
        pull = joint * _EXAGGERATION if step < _EXAGGERATED_STEPS else joint
        near = 1 / (1 + _squared_distances(places))
        np.fill_diagonal(near, 0)
        force = (pull - near / near.sum()) * near
        slope = 4 * (force.sum(axis=1, keepdims=True) * places - force @ places)
        gains = np.maximum(np.where((slope > 0) == (speed > 0), gains * 0.8, gains + 0.2), 0.01)
        speed = (0.5 if step < _EXAGGERATED_STEPS else 0.8) * speed - _RATE * gains * slope
        places = places + speed
    return np.asarray(places, np.float32)


def _squared_distances(points: NDArray[Any]) -> NDArray[Any]:
    lengths = (points**2).sum(axis=1)
    return np.asarray(np.maximum(lengths[:, None] + lengths - 2 * points @ points.T, 0))


def _in_unit_square(places: NDArray[np.floating]) -> NDArray[np.float32]:
    """Shift and scale places (n, 2) into 0..1, the same in both directions."""
    low, high = places.min(axis=0), places.max(axis=0)
    scale = max(float((high - low).max()), _TINY)
    return np.asarray((places - (low + high) / 2) / scale + 0.5, np.float32)
