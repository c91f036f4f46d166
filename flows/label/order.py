"""In which order photos are labelled: first typical ones, then unsure ones that are unlike each other.

- The first labels: photos are grouped by k-means, into as many groups as there will be answers. Of the largest groups
  without an answer, the most typical photo is asked for, the one with the nearest neighbours (TypiClust; Hacohen, Dekel
  and Weinshall, "Active Learning on a Budget", arXiv:2202.02794). A classifier of so few photos can't say of what it is
  unsure.
- Then: of the photos with the smallest margins (Scheffer, Decomain and Wrobel, "Active Hidden Markov Models for
  Information Extraction", 2001), several times as many as are needed, the centres of k-means, in which a photo weighs
  the more the less sure the classifier is (Zhdanov, "Diverse mini-batch Active Learning", arXiv:1901.05954).

`benchmarks/labelling.py` compares this with other orders.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]

TYPICAL_FIRST = 30
"""So many answers are asked for before the classifier's doubts count."""
PREFILTER = 10
"""So many times the photos of a batch are compared, those with the smallest margins."""
_NEIGHBOURS = 20
_MOST_GROUPS = 500


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


def next_batch(
    vectors: NDArray[np.floating[Any]],
    answered: Ids,
    open_: Ids,
    count: int,
    probabilities: NDArray[np.floating[Any]] | None = None,
    *,
    trained: bool = False,
) -> list[int]:
    """Choose the photos to label next, the most useful first.

    Args:
        vectors: Features of all photos `(n, d)`, each of length 1.
        answered: Positions of the photos that have an answer.
        open_: Positions of the photos to choose from.
        count: How many to choose.
        probabilities: Of the open photos' classes, `(len(open_), classes)`; None: nobody has answered yet.
        trained: Whether the classifier has learned from other photos than these, so that its doubts count from the
            beginning.

    Returns:
        Up to `count` positions.
    """
    if len(open_) <= count:
        return [int(position) for position in open_]
    if probabilities is None or (not trained and len(answered) < TYPICAL_FIRST):
        return typical(vectors, answered, open_, count)
    margin = margins(probabilities)
    unsure = np.argsort(margin, kind="stable")[: count * PREFILTER]
    return spread(vectors[open_[unsure]], open_[unsure], 1 - margin[unsure], count)


def typical(vectors: NDArray[np.floating[Any]], answered: Ids, open_: Ids, count: int) -> list[int]:
    """Choose the most typical photo of each of the largest groups without an answer; arguments as of `next_batch`."""
    groups = _k_means(vectors, min(len(answered) + count, _MOST_GROUPS, len(vectors))).labels_
    sizes = np.bincount(groups)
    sizes[np.unique(groups[answered])] = 0
    is_open = np.zeros(len(vectors), bool)
    is_open[open_] = True
    chosen = []
    for group in np.argsort(-sizes, kind="stable")[:count]:
        members = np.flatnonzero(groups == group)
        candidates = members[is_open[members]]
        if len(candidates):
            distances = np.sort(1 - vectors[candidates] @ vectors[members].T, axis=1)[:, : _NEIGHBOURS + 1]
            chosen.append(int(candidates[distances.mean(axis=1).argmin()]))
    return chosen or [int(position) for position in open_[:count]]


def spread(
    vectors: NDArray[np.floating[Any]], positions: Ids, weights: NDArray[np.floating[Any]], count: int
) -> list[int]:
    """Choose photos that are unlike each other: those nearest to the weighted centres of k-means.

    Args:
        vectors: Features `(m, d)` of the photos to choose from.
        positions: Their positions `(m,)`.
        weights: How much each counts, `(m,)`, 0 or more.
        count: How many to choose.

    Returns:
        Up to `count` positions, those with the largest weights first.
    """
    distances = _k_means(vectors, min(count, len(vectors)), np.maximum(weights, 1e-6)).transform(vectors)
    nearest = np.unique(distances.argmin(axis=0))
    return [int(position) for position in positions[nearest[np.argsort(-weights[nearest], kind="stable")]]]


def _k_means(vectors: NDArray[np.floating[Any]], groups: int, weights: NDArray[np.floating[Any]] | None = None) -> Any:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different photos than groups
        return KMeans(groups, n_init=1, max_iter=30, random_state=0).fit(vectors, sample_weight=weights)
