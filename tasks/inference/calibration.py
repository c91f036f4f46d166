"""Temperature scaling, the threshold of the unknown class, and the expected calibration error (ECE)."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tasks.inference.arrays import Floats, Ids, softmax

LEAST_PHOTOS = 30
"""Fewer photos fit no temperature: it would do more harm than good. In simulations of networks whose logits are 1.5
times too large (5 classes and an accuracy of 75 %, 2 and 88 %, 5 and 87 %), the fitted temperature gave a lower mean
loss than 1 from 10, 30 and 50 photos on. With 3 photos, it was between 1 and 20, and in 87 to 100 % of cases worse."""
COSINES = 1 / 16
"""The temperature of cosines that were not calibrated, as in the cosine head (`train.scale`)."""
_LOWEST, _HIGHEST = 0.0025, 20.0
"""Bounds of the temperature. That of cosines is far below 1."""
_BEYOND = 20.0
"""How far the threshold of the unknown class may lie outside the range of the photos' scores."""
_BINS = 15
_Z = 1.959964
"""The 97.5 % quantile of the normal distribution."""


@dataclass(frozen=True)
class Calibration:
    """How class scores become probabilities."""

    temperature: float
    """The scores are divided by it. Above 1, probabilities become less extreme."""
    unknown: float | None = None
    """The score of the unknown class for every photo, after the division; None if all classes are known."""

    def __call__(self, scores: NDArray[Any]) -> Floats:
        """Turn scores `(n, classes)` into probabilities `(n, classes)`; with `unknown`, `(n, classes + 1)`."""
        scaled = scores.astype(np.float64) / self.temperature
        if self.unknown is not None:
            scaled = np.pad(scaled, ((0, 0), (0, 1)), constant_values=self.unknown)
        return softmax(scaled)


def fit(scores: NDArray[Any], truth: Ids, *, unknown: bool = False, uncalibrated: float = 1.0) -> Calibration:
    """Fit the calibration with the lowest negative log-likelihood of the true classes.

    The temperature is that of Guo et al., arXiv:1706.04599, section 4.2; it doesn't change which class has the highest
    probability. Labels are smoothed as in Platt, "Probabilistic outputs for support vector machines", 1999, section
    2.2: the other classes together get 1 / (n + 2) of each photo. Without this, a few photos that are all right would
    lead to probabilities of 1.

    Args:
        scores: (n, classes) logits or cosines of photos that were not trained on.
        truth: (n,) class numbers. With `unknown`, photos of classes that were not trained on have the number `classes`.
        unknown: Whether to fit the threshold of the unknown class as well: the unknown class is predicted where no
            score reaches it (after Hendrycks et al., arXiv:1911.11132, section 3, maximum logit).
        uncalibrated: The temperature if n is below `LEAST_PHOTOS`; `COSINES` for cosines.

    Returns:
        The calibration. The threshold is fitted to any number of photos, 1 or more, because there is no better one.
    """
    from scipy.optimize import minimize_scalar

    count, classes = scores.shape
    if not count:
        return Calibration(uncalibrated)
    scores = scores.astype(np.float64)
    outcomes = classes + unknown
    other = 1 / (count + 2) / (outcomes - 1)
    mass = 1 - other * outcomes
    known = truth < classes
    top = scores.max(axis=1)
    true, total = np.take_along_axis(scores, np.where(known, truth, 0)[:, None], axis=1)[:, 0], scores.sum(axis=1)

    def nll(temperature: float, evidence: Floats, threshold: float) -> float:
        """Compute the mean smoothed loss; evidence (n,): log of the sum of the exponentials of a photo's scores."""
        normaliser = np.logaddexp(evidence, threshold)
        logs = total / temperature - classes * normaliser
        if unknown:
            logs = logs + threshold - normaliser
        right = np.where(known, true / temperature, threshold) - normaliser
        return float(-(mass * right + other * logs).mean())

    def best(log_temperature: float) -> tuple[float, float]:
        """Find the lowest loss at a temperature, and its threshold."""
        temperature = float(np.exp(log_temperature))
        below = (scores - top[:, None]) / temperature
        evidence = top / temperature + np.log(np.exp(below, out=below).sum(axis=1))  # logsumexp with a single array
        if not unknown:
            return nll(temperature, evidence, -np.inf), -np.inf
        found = minimize_scalar(
            lambda threshold: nll(temperature, evidence, threshold),
            bounds=(evidence.min() - _BEYOND, evidence.max() + _BEYOND),
            method="bounded",
        )
        return float(found.fun), float(found.x)

    if count < LEAST_PHOTOS:
        return Calibration(uncalibrated, best(np.log(uncalibrated))[1] if unknown else None)
    found = minimize_scalar(
        lambda log_temperature: best(log_temperature)[0],
        bounds=(np.log(_LOWEST), np.log(_HIGHEST)),
        method="bounded",
    )
    return Calibration(float(np.exp(found.x)), best(found.x)[1] if unknown else None)


@dataclass(frozen=True)
class Bins:
    """Predictions in bins of equal size, sorted by confidence; each field is `(bins,)`."""

    confidence: Floats
    """Mean probability, 0..1."""
    accuracy: Floats
    """Share of correct predictions, 0..1."""
    photos: Ids
    """Number of photos."""

    @classmethod
    def of(cls, probability: Floats, right: NDArray[np.bool_], most: int = _BINS) -> Self:
        """Sort predictions into bins.

        Args:
            probability: (n,) of the predicted classes; n is 1 or more.
            right: (n,) whether the predictions are correct.
            most: Maximum number of bins; fewer if a bin would contain less than ten photos.
        """
        order = np.argsort(probability, kind="stable")
        parts = np.array_split(order, max(1, min(most, len(order) // 10)))
        confidence, accuracy = ([float(values[part].mean()) for part in parts] for values in (probability, right))
        return cls(np.array(confidence), np.array(accuracy), np.array([len(part) for part in parts]))

    def intervals(self) -> tuple[Floats, Floats]:
        """Compute the lower and upper bounds of the accuracy: Wilson's 95 % interval (JASA 22, 1927, p. 209-212)."""
        centre = (self.accuracy + _Z**2 / (2 * self.photos)) / (1 + _Z**2 / self.photos)
        variance = self.accuracy * (1 - self.accuracy) / self.photos + _Z**2 / (4 * self.photos**2)
        half_width = _Z * np.sqrt(variance) / (1 + _Z**2 / self.photos)
        return np.maximum(centre - half_width, 0), np.minimum(centre + half_width, 1)


def calibration_error(probability: Floats, right: NDArray[np.bool_], bins: int = _BINS) -> float:
    """Compute the expected calibration error: the mean gap between confidence and accuracy over the bins, 0..1.

    After Nguyen and O'Connor, arXiv:1508.05154, section 3, with absolute differences and bins of equal size.

    Args:
        probability: (n,) of the predicted classes.
        right: (n,) whether the predictions are correct.
        bins: Maximum number of bins.
    """
    found = Bins.of(probability, right, bins)
    return float(np.average(np.abs(found.confidence - found.accuracy), weights=found.photos))
