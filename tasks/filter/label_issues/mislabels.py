"""Likely wrong labels: photos that a model which never saw them takes for another class."""

import warnings

import numpy as np
from numpy.typing import NDArray

from tasks.inference.arrays import l2_normalize

FOLDS = 5
"""A class with fewer groups than this is left out: it can't be in every fold."""

NONE = -1
"""No suggestion."""

_COMPONENTS = 256
_PENALTY = 0.03
_STEPS = 100


def label_doubts(
    embedding: NDArray[np.floating], labels: NDArray[np.integer], groups: NDArray[np.integer], *, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """How doubtful the label of each of n photos is, and which class it looks like instead.

    embedding: `(n, d)`, finite; labels: class of each, `(n,)`, any integers but -1; groups: numbers of the near
    duplicates, `(n,)`, which are never on both sides of a fold.
    Returns scores `(n,)` in 0..1, higher is more doubtful: 1 - cleanlab's self-confidence, that is the probability that
    the photo is not of its class, by a model that was trained without it and its group; and suggestions `(n,)`: the
    likeliest class, or NONE (-1) where that is the photo's own. Photos of classes with fewer than `FOLDS` groups are
    left out, as are all if fewer than two classes remain or all photos look the same: score 0, no suggestion.

    C. Northcutt, L. Jiang and I. Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70, 2021;
    J. Kuan and J. Mueller, "Model-agnostic label quality scoring to detect real-world label errors", ICML DataPerf
    Workshop, 2022, compare the scores. The same input and seed give the same result.
    Time and memory are linear in n, and it computes on one core.
    """
    score, suggestion = np.zeros(len(labels)), np.full(len(labels), NONE, np.int64)
    rows = _judged(labels, groups)
    classes, codes = np.unique(labels[rows], return_inverse=True)
    if len(classes) < 2:
        return score, suggestion

    from threadpoolctl import threadpool_limits

    # Many small products: threads only wait for each other here, and the last bits would depend on their number.
    with threadpool_limits(1):
        features = _features(embedding[rows])
        if features is None:
            return score, suggestion
        probabilities, known = _out_of_fold(features, codes, groups[rows], seed)
    if len(np.unique(codes[known])) < 2:
        return score, suggestion

    from cleanlab.rank import get_label_quality_scores

    rows, codes, probabilities = rows[known], codes[known], probabilities[known]
    quality = get_label_quality_scores(codes, probabilities, method="self_confidence")
    score[rows] = np.clip(1 - quality, 0, 1)
    likeliest = probabilities.argmax(axis=1)
    suggestion[rows] = np.where(likeliest == codes, NONE, classes[likeliest])
    return score, suggestion


def _judged(labels: NDArray[np.integer], groups: NDArray[np.integer]) -> NDArray[np.int64]:
    """Rows of the classes that have enough groups."""
    pairs = np.unique(np.stack([labels, groups], axis=1), axis=0)
    classes, counts = np.unique(pairs[:, 0], return_counts=True)
    return np.flatnonzero(np.isin(labels, classes[counts >= FOLDS]))


def _features(embedding: NDArray[np.floating]) -> NDArray[np.float32] | None:
    """The embedding's directions as at most 256 principal components of mean variance 1; None if all are equal.

    That leaves the smallest components small, so that the penalty falls on them; and saves most of the time.
    """
    from sklearn.decomposition import PCA

    directions = l2_normalize(embedding)
    if np.ptp(directions, axis=0).max() < 1e-5:
        return None
    components = PCA(min(_COMPONENTS, *directions.shape), svd_solver="covariance_eigh").fit_transform(directions)
    return np.asarray(components / components.std(), np.float32)


def _out_of_fold(
    features: NDArray[np.float32], codes: NDArray[np.int64], groups: NDArray[np.integer], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probabilities of each class `(n, classes)`, and whether the model behind them knew the photo's class, `(n,)`."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold

    probabilities = np.zeros((len(codes), int(codes.max()) + 1))
    known = np.zeros(len(codes), bool)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for train, held_out in folds.split(features, codes, groups):
        classes = np.unique(codes[train])
        if len(classes) < 2 or not len(held_out):
            continue
        model = LogisticRegression(C=_PENALTY, max_iter=_STEPS, tol=1e-3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the order of the photos is settled long before
            model.fit(features[train], codes[train])
        probabilities[np.ix_(held_out, classes)] = model.predict_proba(features[held_out])
        known[held_out] = np.isin(codes[held_out], classes)
    return probabilities, known
