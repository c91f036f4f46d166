"""Whether a probability can be taken at its word, and how it is made so."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tasks.inference.arrays import Floats, Ids, softmax

_LOWEST, _HIGHEST = 0.05, 20.0
_BEYOND = 20.0
"""How far beyond the photos' own evidence the unknown's may be: e^20 times as likely."""
_BINS = 15
_Z = 1.959964
"""The normal distribution's 97.5 % quantile."""


@dataclass(frozen=True)
class Calibration:
    """How scores of classes become probabilities."""

    temperature: float
    """What scores are divided by; above 1, a classifier is less sure of itself than it was."""
    unknown: float | None = None
    """The score that a class which isn't known has for every photo, after the division; None: all are known."""

    def __call__(self, scores: NDArray[Any]) -> Floats:
        """Probabilities `(n, classes)` of scores `(n, classes)`; with `unknown`, `(n, classes + 1)`."""
        scaled = scores.astype(np.float64) / self.temperature
        if self.unknown is not None:
            scaled = np.pad(scaled, ((0, 0), (0, 1)), constant_values=self.unknown)
        return softmax(scaled)


def fit(scores: NDArray[Any], truth: Ids, *, unknown: bool = False) -> Calibration:
    """The calibration with which the true classes `(n,)` are least surprising; one that changes nothing if n is 0.

    scores: logits, or cosines, `(n, classes)`, of photos that were not trained on. The temperature is that of Guo et
    al., arXiv:1706.04599, section 4.2; it doesn't change which class is the likeliest. As in Platt, "Probabilistic
    outputs for support vector machines", 1999, section 2.2, 1 / (n + 2) of each photo counts as of the other classes,
    so that a few photos that are all right are no reason to be always sure.

    unknown: whether photos of a class that was not trained, numbered `classes` in `truth`, are among them. They fit a
    threshold: where no class's score reaches it, the unknown is the likeliest (after Hendrycks et al.,
    arXiv:1911.11132, section 3, the largest logit).
    """
    from scipy.optimize import minimize_scalar

    count, classes = scores.shape
    if not count:
        return Calibration(1.0)
    scores = scores.astype(np.float64)
    outcomes = classes + unknown
    other = 1 / (count + 2) / (outcomes - 1)
    mass = 1 - other * outcomes
    known = truth < classes
    top = scores.max(axis=1)
    true, total = np.take_along_axis(scores, np.where(known, truth, 0)[:, None], axis=1)[:, 0], scores.sum(axis=1)

    def nll(temperature: float, evidence: Floats, threshold: float) -> float:
        """evidence: the logarithm of the sum of the classes' exponentials."""
        whole = np.logaddexp(evidence, threshold)
        logs = total / temperature - classes * whole
        if unknown:
            logs = logs + threshold - whole
        right = np.where(known, true / temperature, threshold) - whole
        return float(-(mass * right + other * logs).mean())

    def best(log_temperature: float) -> tuple[float, float]:
        """The least surprise at a temperature, and the threshold that gives it."""
        temperature = float(np.exp(log_temperature))
        below = (scores - top[:, None]) / temperature
        evidence = top / temperature + np.log(np.exp(below, out=below).sum(axis=1))  # as logsumexp, with one array
        if not unknown:
            return nll(temperature, evidence, -np.inf), -np.inf
        found = minimize_scalar(
            lambda threshold: nll(temperature, evidence, threshold),
            bounds=(evidence.min() - _BEYOND, evidence.max() + _BEYOND),
            method="bounded",
        )
        return float(found.fun), float(found.x)

    found = minimize_scalar(
        lambda log_temperature: best(log_temperature)[0],
        bounds=(np.log(_LOWEST / _BEYOND), np.log(_HIGHEST)),
        method="bounded",
    )
    return Calibration(float(np.exp(found.x)), best(found.x)[1] if unknown else None)


@dataclass(frozen=True)
class Bins:
    """Answers in bins of equally many, from the least sure to the surest; `(bins,)` each."""

    sure: Floats
    """Mean probability, 0..1."""
    right: Floats
    """Share of right answers, 0..1."""
    photos: Ids

    @classmethod
    def of(cls, probability: Floats, right: NDArray[np.bool_], most: int = _BINS) -> Self:
        """Take the probabilities `(n,)` of answers and whether they are right `(n,)`; n is 1 or more.

        At most so many bins, and at least ten photos in each where there are that many.
        """
        order = np.argsort(probability, kind="stable")
        parts = np.array_split(order, max(1, min(most, len(order) // 10)))
        sure, share = ([float(values[part].mean()) for part in parts] for values in (probability, right))
        return cls(np.array(sure), np.array(share), np.array([len(part) for part in parts]))

    def intervals(self) -> tuple[Floats, Floats]:
        """Bounds of each bin's share of right answers: Wilson's 95 % interval (JASA 22, 1927, p. 209-212)."""
        centre = (self.right + _Z**2 / (2 * self.photos)) / (1 + _Z**2 / self.photos)
        spread = self.right * (1 - self.right) / self.photos + _Z**2 / (4 * self.photos**2)
        reach = _Z * np.sqrt(spread) / (1 + _Z**2 / self.photos)
        return np.maximum(centre - reach, 0), np.minimum(centre + reach, 1)


def calibration_error(probability: Floats, right: NDArray[np.bool_], bins: int = _BINS) -> float:
    """Mean distance between how sure and how often right, 0..1, over bins of equally many photos (see `Bins.of`).

    probability: `(n,)` of the answers. right: `(n,)`. After Nguyen and O'Connor, arXiv:1508.05154, section 3, with
    absolute differences.
    """
    found = Bins.of(probability, right, bins)
    return float(np.average(np.abs(found.sure - found.right), weights=found.photos))
