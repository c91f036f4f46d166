"""A map of photos: two coordinates for each, so that photos with similar features lie near each other."""

import numpy as np
from numpy.typing import NDArray

from tasks.inference.logistic import principal_directions

_PERPLEXITY = 25
"""About how many neighbours a photo has."""
_LEAST_PHOTOS = 5
"""Fewer photos lie where their principal components are."""
_DIRECTIONS = 30
"""Principal directions that the distances are measured along."""
_STEPS = 500
_TAIL = 10
"""Percentage of the photos at each end of an axis that may be far from the others."""
_MARGIN = 0.5
"""How far from the others they may be before they are put on the border: a multiple of the others' range."""
_TINY = 1e-12


def feature_map(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Place photos on a map by t-SNE (van der Maaten 2014, JMLR 15, 3221-3245), with scikit-learn.

    It begins with the principal components, so the same features give the same map.

    Args:
        features: (n, d)

    Returns:
        (n, 2) coordinates in 0..1.
    """
    centred = features - features.mean(axis=0)
    components = centred @ principal_directions(centred)[0][:, ::-1][:, :_DIRECTIONS]  # the largest variance first
    components = np.pad(components, ((0, 0), (0, max(0, 2 - components.shape[1]))))
    spread = components[:, 0].std()
    if len(features) < _LEAST_PHOTOS or spread < _TINY:
        return _in_unit_square(components[:, :2])

    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    start = components[:, :2] / spread * 1e-4
    perplexity = min(_PERPLEXITY, (len(features) - 1) / 3)
    with threadpool_limits(1):  # threads would mostly wait, because there are few photos
        places = TSNE(perplexity=perplexity, init=start, max_iter=_STEPS, random_state=0).fit_transform(components)
    return _in_unit_square(places)


def _in_unit_square(places: NDArray[np.floating]) -> NDArray[np.float32]:
    """Shift and scale places (n, 2) into 0..1, the same in both directions.

    A few photos far from all others are put on the border: else they would press the others into one spot.
    """
    inner_low, inner_high = np.percentile(places, [_TAIL, 100 - _TAIL], axis=0)
    margin = _MARGIN * (inner_high - inner_low)
    low = np.maximum(places.min(axis=0), inner_low - margin)
    high = np.minimum(places.max(axis=0), inner_high + margin)
    scale = max(float((high - low).max()), _TINY)
    return np.asarray(np.clip((places - (low + high) / 2) / scale + 0.5, 0, 1), np.float32)
