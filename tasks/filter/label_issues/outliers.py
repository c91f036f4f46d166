"""Outliers: photos that are far from the rest of their class."""

import numpy as np
from numpy.typing import NDArray

from tasks.inference.arrays import l2_normalize

MIN_PHOTOS = 6
"""Of classes with fewer photos nothing can be said."""

_NEIGHBOURS = 20
_MOST_COMPARED = 2048
_BLOCK_PHOTOS = 1024
_LEAST_SPREAD = 0.01


def outlier_scores(
    embedding: NDArray[np.floating], labels: NDArray[np.integer], *, seed: int = 0
) -> NDArray[np.float64]:
    """How far each of n photos is from its class: 0 for half of them, above 4 for few, one in 100 to 1,000; never NaN.

    embedding: `(n, d)`, finite; labels: the class of each, `(n,)`.
    Returns `(n,)`: by how many robust standard deviations (1.4826 times the median absolute deviation from the median:
    B. Iglewicz and D. Hoaglin, "How to Detect and Handle Outliers", 1993) a photo's distance to its class is above the
    class's median; 0 below it, and in classes with fewer than `MIN_PHOTOS`.

    The distance is the mean of those to the nearest 20 photos of the class (F. Angiulli and C. Pizzuti, "Fast Outlier
    Detection in High Dimensional Spaces", PKDD 2002), or to half of a smaller class: a few strange photos of one kind
    don't vouch for each other. Photos are compared by direction, as seen from the mean of all photos. A class is
    compared with at most 2,048 of its photos, drawn by `seed`, so time is linear in n, as is memory: three float32
    copies of the embedding. The same input and seed give the same result; it computes on one core.
    """
    scores = np.zeros(len(embedding))
    if not len(embedding):
        return scores

    from threadpoolctl import threadpool_limits

    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order], prepend=labels[order[0]] - 1))
    with threadpool_limits(1):  # the last bits would depend on the number of threads
        directions = l2_normalize(embedding)
        directions = l2_normalize(directions - directions.mean(axis=0), shortest=1e-5)
        for members in np.split(order, starts[1:]):
            if len(members) >= MIN_PHOTOS:
                scores[members] = _above_median(_to_neighbours(directions, members, seed))
    return scores


def _above_median(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many robust standard deviations each of `(n,)` is above their median; 0 for those below it."""
    above = distance - np.median(distance)
    # Photos that are all but the same must not make outliers of each other.
    spread = max(1.4826 * float(np.median(np.abs(above))), _LEAST_SPREAD)
    return np.asarray(np.maximum(above, 0) / spread)


def _to_neighbours(directions: NDArray[np.float32], members: NDArray[np.integer], seed: int) -> NDArray[np.float64]:
    """Mean distance of each member of a class to its nearest others, `(len(members),)`."""
    count = min(_NEIGHBOURS, (len(members) - 1) // 2)
    compared = members
    if len(members) > _MOST_COMPARED:
        compared = np.random.default_rng(seed).choice(members, _MOST_COMPARED, replace=False)
    column = {int(photo): number for number, photo in enumerate(compared)}
    others = directions[compared]
    lengths = np.square(others).sum(axis=1)
    means = []
    for start in range(0, len(members), _BLOCK_PHOTOS):
        block = members[start : start + _BLOCK_PHOTOS]
        own = directions[block]
        squares = np.square(own).sum(axis=1)[:, None] + lengths - 2 * own @ others.T
        itself = [(row, column[int(photo)]) for row, photo in enumerate(block) if int(photo) in column]
        if itself:
            squares[tuple(np.transpose(itself))] = np.inf
        nearest = np.partition(squares, count - 1, axis=1)[:, :count]
        means.append(np.sqrt(np.maximum(nearest, 0)).mean(axis=1, dtype=np.float64))
    return np.concatenate(means)
