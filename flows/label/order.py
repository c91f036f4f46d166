"""In which order photos are labelled: those that the classifier is unsure of, and that are unlike each other.

A batch is chosen in two steps, as by Zhdanov ("Diverse mini-batch Active Learning", arXiv:1901.05954): the photos with
the smallest margins (Scheffer, Decomain and Wrobel, "Active Hidden Markov Models for Information Extraction", 2001),
several times as many as are needed; of these, each next photo is the one that is farthest from all photos that have a
label or are in the batch already: the greedy k-centre choice of Gonzalez (Theoretical Computer Science 38, 1985), which
Sener and Savarese use for labelling (arXiv:1708.00489). As long as there are no probabilities, only the second step is
taken.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]

PREFILTER = 10
"""So many times the photos of a batch are compared, those with the smallest margins."""


def margins(probabilities: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return how much more likely the first class is than the second, 0..1.

    Args:
        probabilities: `(n, classes)`; NaN counts as 0. With one class the margin is 1: there is nothing to choose.
    """
    known = np.nan_to_num(np.asarray(probabilities, np.float64))
    if known.shape[1] < 2:
        return np.ones(len(known))
    two = np.partition(known, -2, axis=1)[:, -2:]
    return np.asarray(two[:, 1] - two[:, 0], np.float64)


def farthest_first(vectors: NDArray[np.floating[Any]], covered: Ids, among: Ids, count: int) -> list[int]:
    """Choose vectors that are far from each other and from those that are covered, greedily.

    Args:
        vectors: `(n, d)`, each of length 1; the distance is 1 - the cosine.
        covered: Positions that need no neighbour any more.
        among: Positions to choose from.
        count: How many to choose.

    Returns:
        Up to `count` positions, the farthest first. If nothing is covered, the first is the one nearest to the mean of
        all, because the farthest of all is often damaged or no photo.
    """
    chosen: list[int] = []
    if not len(among) or count < 1:
        return chosen
    left = vectors[among]
    if len(covered):
        distance = 1 - (left @ vectors[covered].T).max(axis=1)
    else:
        distance = left @ vectors.mean(axis=0)
    while len(chosen) < min(count, len(among)):
        at = int(distance.argmax())
        if not covered.size and not chosen:
            distance = np.full(len(among), np.inf)
        chosen.append(int(among[at]))
        distance = np.minimum(distance, 1 - left @ left[at])
        distance[at] = -np.inf
    return chosen


def next_batch(
    vectors: NDArray[np.floating[Any]],
    labelled: Ids,
    open_: Ids,
    count: int,
    probabilities: NDArray[np.floating[Any]] | None = None,
) -> list[int]:
    """Choose the photos to label next, the most useful first.

    Args:
        vectors: Features of all photos `(n, d)`, each of length 1.
        labelled: Positions of the photos that have an answer.
        open_: Positions of the photos to choose from.
        count: How many to choose.
        probabilities: Of the open photos' classes, `(len(open_), classes)`; None: nobody has answered yet.

    Returns:
        Up to `count` positions.
    """
    if probabilities is not None and len(open_) > count * PREFILTER:
        open_ = open_[np.argsort(margins(probabilities), kind="stable")[: count * PREFILTER]]
    return farthest_first(vectors, labelled, open_, count)
