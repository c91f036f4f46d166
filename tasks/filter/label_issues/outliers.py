"""Find outliers: photos that are far from the rest of their class."""

import numpy as np
from numpy.typing import NDArray

from tasks.inference.arrays import l2_normalize

MIN_PHOTOS = 6
"""Smaller classes have no outliers: there are too few photos to tell."""

_NEIGHBOURS = 20
MAX_COMPARED = 2048
"""A class is compared with at most this many of its photos."""
BLOCK_PHOTOS = 1024
"""Photos whose distances are computed at once, which bounds the memory."""
_MIN_SPREAD = 0.01


def outlier_scores(
    embedding: NDArray[np.floating], labels: NDArray[np.integer], *, seed: int = 0
) -> NDArray[np.float64]:
    """Score how far each of n photos is from its class. The same input and seed give the same scores.

    The score says by how many robust standard deviations a photo's distance to its class is above the class's median
    (1.4826 times the median absolute deviation: B. Iglewicz and D. Hoaglin, "How to Detect and Handle Outliers", 1993).
    Half of the photos have 0; 1 in 100 to 1,000 has more than 4. Classes with fewer than `MIN_PHOTOS` photos have 0.

    The distance of a photo is the mean distance to the nearest 20 photos of its class (F. Angiulli and C. Pizzuti,
    "Fast Outlier Detection in High Dimensional Spaces", PKDD 2002), or to half of the photos of a smaller class: so a
    few similar outliers don't hide each other. Photos are compared by direction from the mean of all photos. A class is
    compared with at most 2,048 of its photos, so the time is linear in n. The memory is three float32 copies of the
    embedding. One core is used.

    Args:
        embedding: `(n, d)`, finite.
        labels: Class of each photo, `(n,)`.
        seed: Determines which photos of a large class are compared with.

    Returns:
        Scores `(n,)`, 0 or more, never NaN.
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
                scores[members] = _above_median(_mean_distances(directions, members, seed))
    return scores


def _above_median(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many robust standard deviations each distance `(n,)` is above their median; 0 if below it."""
    above = distance - np.median(distance)
    # In a class of almost equal photos, tiny differences must not count as outliers.
    spread = max(1.4826 * float(np.median(np.abs(above))), _MIN_SPREAD)
    return np.asarray(np.maximum(above, 0) / spread)


def _mean_distances(directions: NDArray[np.float32], members: NDArray[np.integer], seed: int) -> NDArray[np.float64]:
    """Return the mean distance of each member of a class to its nearest other members, `(len(members),)`."""
    count = min(_NEIGHBOURS, (len(members) - 1) // 2)
    compared = members
    if len(members) > MAX_COMPARED:
        compared = np.random.default_rng(seed).choice(members, MAX_COMPARED, replace=False)
    column = {int(photo): number for number, photo in enumerate(compared)}
    others = directions[compared]
    lengths = np.square(others).sum(axis=1)
    means = []
    for start in range(0, len(members), BLOCK_PHOTOS):
        block = members[start : start + BLOCK_PHOTOS]
        own = directions[block]
        squares = np.square(own).sum(axis=1)[:, None] + lengths - 2 * own @ others.T
        own_columns = [(row, column[int(photo)]) for row, photo in enumerate(block) if int(photo) in column]
        if own_columns:
            squares[tuple(np.transpose(own_columns))] = np.inf
        nearest = np.partition(squares, count - 1, axis=1)[:, :count]
        means.append(np.sqrt(np.maximum(nearest, 0)).mean(axis=1, dtype=np.float64))
    return np.concatenate(means)
