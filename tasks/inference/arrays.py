"""Arrays that inference and metrics share: scored predictions, softmax and L2-normalised vectors."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]

NO_ANSWER = 10**9
"""The rank of a true class that the classifier can't predict, because it was never trained on it."""
DIGITS = 6
"""Decimals of the numbers in files. Further digits differ between machines."""
_SHORTEST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class ScoredPredictions:
    """The predictions for n photos and their true classes: everything that the scores are computed from."""

    truth: Ids
    """(n,) the true class of each photo."""
    predicted: Ids
    """(n,) the class with the highest probability."""
    rank: Ids
    """(n,) rank of the true class; 1 is the highest probability, ties go to the lower class number. `NO_ANSWER` where
    the true class has probability 0, because it was never trained on."""
    loss: Floats
    """(n,) negative log-likelihood of the true class (natural logarithm)."""
    classes: int
    """Number of classes, trained or not."""

    @classmethod
    def of(cls, truth: Ids, probabilities: Floats) -> Self:
        """Score probabilities.

        Args:
            truth: (n,) class numbers.
            probabilities: (n, classes) in 0..1; clipped for the loss as in scikit-learn's log_loss.
        """
        true = np.take_along_axis(probabilities, truth[:, None], axis=1)
        lower = np.arange(probabilities.shape[1]) < truth[:, None]
        rank = 1 + np.sum((probabilities > true) | ((probabilities == true) & lower), axis=1)
        rank = np.where(true[:, 0] > 0, rank, NO_ANSWER)
        loss = -np.log(np.clip(true[:, 0], np.finfo(np.float64).eps, 1))
        return cls(truth, probabilities.argmax(axis=1), rank, loss, probabilities.shape[1])

    @classmethod
    def majority_class(cls, truth: Ids, class_frequencies: NDArray[Any]) -> Self:
        """Score the baseline that predicts the most frequent class of training for every photo.

        Its second answer is the second most frequent class, and so on. The probability of a class is its share of the
        train photos. Each count is raised by one, so that no class has probability 0.

        Args:
            truth: (n,) class numbers.
            class_frequencies: (classes,) train photos of each class.
        """
        shares = (class_frequencies + 1) / (class_frequencies + 1).sum()
        rank = 1 + np.argsort(np.argsort(-shares, kind="stable"), kind="stable")[truth]
        predicted = np.full(len(truth), shares.argmax())
        return cls(truth, predicted, rank, -np.log(shares[truth]), len(shares))

    def only(self, where: NDArray[Any]) -> Self:
        """Select photos by their positions or by a boolean mask `(n,)`."""
        selected = (self.truth[where], self.predicted[where], self.rank[where], self.loss[where])
        return type(self)(*selected, self.classes)


def softmax(logits: NDArray[Any]) -> Floats:
    """Turn logits `(n, classes)` of any float type into probabilities `(n, classes)`, float64."""
    probabilities: Floats = np.subtract(logits, logits.max(axis=1, keepdims=True), dtype=np.float64)
    np.exp(probabilities, out=probabilities)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return probabilities


def l2_normalize(vectors: NDArray[np.floating], *, shortest: float = _SHORTEST) -> NDArray[np.float32]:
    """Scale vectors `(n, d)` to length 1, float32. Vectors with a length of `shortest` or less become zero."""
    vectors = vectors.astype(np.float32)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > shortest, length, np.inf), np.float32)
