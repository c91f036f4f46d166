"""Find probably wrong labels: photos that a model, which wasn't trained on them, predicts as another class."""

import warnings

import numpy as np
from numpy.typing import NDArray

from tasks.inference.arrays import l2_normalize

FOLDS = 5
"""A class with fewer groups than this is skipped, because it can't be in every fold."""

NO_SUGGESTION = -1

_COMPONENTS = 256
_PENALTY = 0.03
_STEPS = 100


def mislabel_scores(
    embedding: NDArray[np.floating], labels: NDArray[np.integer], groups: NDArray[np.integer], *, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Score how probably the label of each of n photos is wrong, and suggest the class that it looks like.

    The score is 1 - cleanlab's self-confidence: the probability that the photo is not of its class, predicted by a
    model that was trained without the photo and its group (C. Northcutt, L. Jiang and I. Chuang, "Confident Learning:
    Estimating Uncertainty in Dataset Labels", JAIR 70, 2021; J. Kuan and J. Mueller, "Model-agnostic label quality
    scoring to detect real-world label errors", ICML DataPerf Workshop, 2022, compare such scores).

    Photos of classes with fewer than `FOLDS` groups are skipped. All are skipped if fewer than two classes remain, or
    if all photos look the same. Skipped photos have score 0 and no suggestion. The same input and seed give the same
    result. Time and memory are linear in n; one core is used.

    Args:
        embedding: `(n, d)`, finite.
        labels: Class of each photo, `(n,)`; any integers but -1.
        groups: Group of near duplicates of each photo, `(n,)`; a group is never on both sides of a fold.
        seed: Determines the folds.

    Returns:
        Scores `(n,)` from 0 to 1 (1: the label is wrong), and suggested classes `(n,)`: the most probable class, or
        NO_SUGGESTION (-1) if that is the photo's own class.
    """
    score, suggestion = np.zeros(len(labels)), np.full(len(labels), NO_SUGGESTION, np.int64)
    rows = _eligible(labels, groups)
    classes, codes = np.unique(labels[rows], return_inverse=True)
    if len(classes) < 2:
        return score, suggestion

    from threadpoolctl import threadpool_limits

    # The products are small, so threads would mostly wait; and the last bits would depend on the number of threads.
    with threadpool_limits(1):
        features = _features(embedding[rows])
        if features is None:
            return score, suggestion
        probabilities, is_known = _out_of_fold(features, codes, groups[rows], seed)
    if len(np.unique(codes[is_known])) < 2:
        return score, suggestion

    from cleanlab.rank import get_label_quality_scores

    rows, codes, probabilities = rows[is_known], codes[is_known], probabilities[is_known]
    quality = get_label_quality_scores(codes, probabilities, method="self_confidence")
    score[rows] = np.clip(1 - quality, 0, 1)
    most_probable = probabilities.argmax(axis=1)
    suggestion[rows] = np.where(most_probable == codes, NO_SUGGESTION, classes[most_probable])
    return score, suggestion


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
    components = PCA(min(_COMPONENTS, *directions.shape), svd_solver="covariance_eigh").fit_transform(directions)
    return np.asarray(components / components.std(), np.float32)


def _out_of_fold(
    features: NDArray[np.float32], codes: NDArray[np.int64], groups: NDArray[np.integer], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Predict the class probabilities `(n, classes)`, and whether each photo's model knew the photo's class, `(n,)`."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold

    probabilities = np.zeros((len(codes), int(codes.max()) + 1))
    is_known = np.zeros(len(codes), bool)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for train, held_out in folds.split(features, codes, groups):
        classes = np.unique(codes[train])
        if len(classes) < 2 or not len(held_out):
            continue
        model = LogisticRegression(C=_PENALTY, max_iter=_STEPS, tol=1e-3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the ranking of the photos is stable long before
            model.fit(features[train], codes[train])
        probabilities[np.ix_(held_out, classes)] = model.predict_proba(features[held_out])
        is_known[held_out] = np.isin(codes[held_out], classes)
    return probabilities, is_known
