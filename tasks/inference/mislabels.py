"""Find probably wrong labels: photos that a model, which wasn't trained on them, predicts as another class."""

import math
import warnings
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.inference.arrays import l2_normalize

FOLDS = 5
"""A class with fewer groups than this is skipped, because it can't be in every fold."""

NO_SUGGESTION = -1

_COMPONENTS = 256
_EXACT_LENGTH = 2048
"""Longer embeddings are reduced by random projections: the exact time grows with the cube of the length."""
_STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Values of scikit-learn's C, the strongest regularisation first."""
_ENOUGH_PHOTOS = 5000
"""With more photos than this, the first fold alone chooses the strength."""
_STEPS = 100

_Fold = tuple[NDArray[np.integer], NDArray[np.integer]]


class Mislabels(NamedTuple):
    """The doubts about the labels of n photos."""

    score: NDArray[np.float64]
    """(n,) probability from 0 to 1 that the label is wrong."""
    suggestion: NDArray[np.int64]
    """(n,) the most probable class, or NO_SUGGESTION (-1) if that is the photo's own class."""
    estimate: int
    """How many labels are wrong, as confident learning estimates it."""


def find_mislabels(
    embedding: NDArray[np.floating], labels: NDArray[np.integer], groups: NDArray[np.integer], *, seed: int = 0
) -> Mislabels:
    """Score how probably the label of each of n photos is wrong, and suggest the class that it looks like.

    The score is 1 - cleanlab's self-confidence: the probability that the photo is not of its class, predicted by a
    logistic regression that was trained without the photo and its group. The strength of its regularisation is the one
    with the lowest loss on the given labels; with more wrong labels, it is stronger. The number of wrong labels is
    estimated from the calibrated confident joint, which has a threshold for each class (C. Northcutt, L. Jiang and I.
    Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70, 2021; J. Kuan and J. Mueller,
    "Model-agnostic label quality scoring to detect real-world label errors", ICML DataPerf Workshop, 2022, compare
    such scores).

    Photos of classes with fewer than `FOLDS` groups are skipped. All are skipped if fewer than two classes remain, or
    if all photos look the same. Skipped photos have score 0 and no suggestion. The same input and seed give the same
    result. Time and memory are linear in n; one core is used.

    Args:
        embedding: `(n, d)`, finite.
        labels: Class of each photo, `(n,)`; any integers but -1.
        groups: Group of near duplicates of each photo, `(n,)`; a group is never on both sides of a fold.
        seed: Determines the folds.
    """
    nothing = Mislabels(np.zeros(len(labels)), np.full(len(labels), NO_SUGGESTION, np.int64), 0)
    rows = _eligible(labels, groups)
    classes, codes = np.unique(labels[rows], return_inverse=True)
    if len(classes) < 2:
        return nothing

    from threadpoolctl import threadpool_limits

    # The products are small, so threads would mostly wait; and the last bits would depend on the number of threads.
    with threadpool_limits(1):
        features = _features(embedding[rows])
        if features is None:
            return nothing
        probabilities = _out_of_fold(features, codes, groups[rows], seed)
    is_known = probabilities[np.arange(len(codes)), codes] > 0
    left = np.unique(codes[is_known])
    if len(left) < 2:
        return nothing
    probabilities = probabilities[np.ix_(is_known, left)]
    return _judge(probabilities, np.searchsorted(left, codes[is_known]), rows[is_known], classes[left], nothing)


def _judge(
    probabilities: NDArray[np.float64],
    codes: NDArray[np.integer],
    rows: NDArray[np.integer],
    classes: NDArray[np.integer],
    nothing: Mislabels,
) -> Mislabels:
    """Judge photos by probabilities `(m, classes)` that don't know them.

    Args:
        probabilities: Greater than 0 for the photo's own class.
        codes: Class of each photo, `(m,)`, as a position in `classes`.
        rows: Its row in the result, `(m,)`.
        classes: The given numbers of the classes.
        nothing: The result for photos that aren't judged.
    """
    from cleanlab.count import num_label_issues
    from cleanlab.rank import get_label_quality_scores

    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
    score, suggestion = nothing.score.copy(), nothing.suggestion.copy()
    quality = get_label_quality_scores(codes, probabilities, method="self_confidence")
    score[rows] = np.clip(1 - quality, 0, 1)
    most_probable = probabilities.argmax(axis=1)
    suggestion[rows] = np.where(most_probable == codes, NO_SUGGESTION, classes[most_probable])
    estimate = int(num_label_issues(codes, probabilities, estimation_method="off_diagonal_calibrated"))
    return Mislabels(score, suggestion, min(estimate, int((suggestion != NO_SUGGESTION).sum())))


def _eligible(labels: NDArray[np.integer], groups: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the rows of the classes that have enough groups."""
    pairs = np.unique(np.stack([labels, groups], axis=1), axis=0)
    classes, counts = np.unique(pairs[:, 0], return_counts=True)
    return np.flatnonzero(np.isin(labels, classes[counts >= FOLDS]))


def _features(embedding: NDArray[np.floating]) -> NDArray[np.float32] | None:
    """Reduce the normalized embedding to at most 256 principal components with a mean variance of 1.

    The components are not whitened: small ones stay small, so the penalty affects them most. The reduction saves most
    of the time. Returns None if all photos have the same embedding.
    """
    from sklearn.decomposition import PCA

    directions = l2_normalize(embedding)
    if np.ptp(directions, axis=0).max() < 1e-5:
        return None
    solver = "covariance_eigh" if directions.shape[1] <= _EXACT_LENGTH else "randomized"
    reduction = PCA(min(_COMPONENTS, *directions.shape), svd_solver=solver, random_state=0)
    components = reduction.fit_transform(directions)
    return np.asarray(components / components.std(), np.float32)


def _out_of_fold(
    features: NDArray[np.float32], codes: NDArray[np.int64], groups: NDArray[np.integer], seed: int
) -> NDArray[np.float64]:
    """Predict the class probabilities `(n, classes)`; 0 for classes that a photo's model doesn't know."""
    from sklearn.model_selection import StratifiedGroupKFold

    made = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(features, codes, groups)
    folds = [(train, held_out) for train, held_out in made if len(held_out) and len(np.unique(codes[train])) > 1]
    choosing = folds if len(codes) <= _ENOUGH_PHOTOS else folds[:1]
    best, lowest, strength = np.zeros((len(codes), int(codes.max()) + 1)), math.inf, _STRENGTHS[0]
    for tried in _STRENGTHS:
        probabilities = _predict(features, codes, choosing, tried)
        own = probabilities[np.arange(len(codes)), codes]
        loss = -float(np.log(own[own > 0]).mean()) if (own > 0).any() else math.inf
        if loss >= lowest:
            break
        best, lowest, strength = probabilities, loss, tried
    return best + _predict(features, codes, folds[len(choosing) :], strength)


def _predict(
    features: NDArray[np.float32], codes: NDArray[np.int64], folds: Iterable[_Fold], strength: float
) -> NDArray[np.float64]:
    """Predict the probabilities of the photos that the folds hold out; those of the others are 0."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    probabilities = np.zeros((len(codes), int(codes.max()) + 1))
    for train, held_out in folds:
        model = LogisticRegression(C=strength, max_iter=_STEPS, tol=1e-3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the ranking of the photos is stable long before
            model.fit(features[train], codes[train])
        probabilities[np.ix_(held_out, model.classes_)] = np.maximum(model.predict_proba(features[held_out]), 1e-12)
    return probabilities
