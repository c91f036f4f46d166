"""Arrays that inference and metrics share: answers to photos, softmax, vectors of length 1."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


Floats = NDArray[np.float64]


NO_ANSWER = 10**9


DIGITS = 6
"""Decimals of what is written: more would differ between machines."""


@dataclass(frozen=True)
class ScoredPredictions:
    """What was answered for n photos; all that the scores need to know."""

    truth: Ids
    """(n,) the true class of each photo."""
    predicted: Ids
    """(n,) the likeliest class."""
    rank: Ids
    """(n,) place of the true class among the answers: 1 is first. Ties go to the lower class number. `NO_ANSWER` where
    it has no probability at all, as a class that was never trained on: then it is none of them."""
    loss: Floats
    """(n,) minus the natural logarithm of the true class's probability."""
    classes: int

    @classmethod
    def of(cls, truth: Ids, probabilities: Floats) -> Self:
        """Take class numbers (n,) and probabilities (n, classes), clipped as in scikit-learn's log_loss."""
        true = np.take_along_axis(probabilities, truth[:, None], axis=1)
        lower = np.arange(probabilities.shape[1]) < truth[:, None]
        rank = 1 + np.sum((probabilities > true) | ((probabilities == true) & lower), axis=1)
        rank = np.where(true[:, 0] > 0, rank, NO_ANSWER)
        loss = -np.log(np.clip(true[:, 0], np.finfo(np.float64).eps, 1))
        return cls(truth, probabilities.argmax(axis=1), rank, loss, probabilities.shape[1])

    @classmethod
    def majority_class(cls, truth: Ids, class_frequencies: NDArray[Any]) -> Self:
        """Answer the same for every photo: the classes from the commonest in training to the rarest.

        commonness: (classes,) train photos. A class's probability is its share of them, each count plus one
        (so that no class is impossible).
        """
        shares = (class_frequencies + 1) / (class_frequencies + 1).sum()
        rank = 1 + np.argsort(np.argsort(-shares, kind="stable"), kind="stable")[truth]
        predicted = np.full(len(truth), shares.argmax())
        return cls(truth, predicted, rank, -np.log(shares[truth]), len(shares))

    def only(self, where: NDArray[Any]) -> Self:
        """The answers for some photos, by their places or by a mask `(n,)`."""
        cut = (self.truth[where], self.predicted[where], self.rank[where], self.loss[where])
        return type(self)(*cut, self.classes)


def softmax(logits: NDArray[Any]) -> Floats:
    """Probabilities (n, classes), float64, rows sum to 1, of logits of any float type."""
    probabilities: Floats = np.subtract(logits, logits.max(axis=1, keepdims=True), dtype=np.float64)
    np.exp(probabilities, out=probabilities)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return probabilities


_SHORTEST = float(np.finfo(np.float32).tiny)


def l2_normalize(vectors: NDArray[np.floating], *, shortest: float = _SHORTEST) -> NDArray[np.float32]:
    """Vectors `(n, d)` at length 1, float32; those that are no longer than `shortest` become zero."""
    vectors = vectors.astype(np.float32)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > shortest, length, np.inf), np.float32)
