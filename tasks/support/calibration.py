"""Whether a probability can be taken at its word, and how it is made so."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.support.metrics import Floats, Ids, softmax

_LOWEST, _HIGHEST = 0.05, 20.0
_BEYOND = 20.0
"""How far beyond the photos' own evidence the unknown's may be: e^20 times as likely."""
_BINS = 15


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
    from scipy.special import logsumexp

    count, classes = scores.shape
    if not count:
        return Calibration(1.0)
    scores = scores.astype(np.float64)
    outcomes = classes + unknown
    other = 1 / (count + 2) / (outcomes - 1)
    mass = 1 - other * outcomes
    known = truth < classes
    true, total = np.take_along_axis(scores, np.where(known, truth, 0)[:, None], axis=1)[:, 0], scores.sum(axis=1)

    def surprise(temperature: float, evidence: Floats, threshold: float) -> float:
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
        evidence = logsumexp(scores / temperature, axis=1)
        if not unknown:
            return surprise(temperature, evidence, -np.inf), -np.inf
        found = minimize_scalar(
            lambda threshold: surprise(temperature, evidence, threshold),
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


def calibration_error(probability: Floats, right: NDArray[np.bool_], bins: int = _BINS) -> float:
    """Mean distance between how sure and how often right, 0..1, over bins of equally many photos.

    probability: `(n,)` of the answers. right: `(n,)`. After Nguyen and O'Connor, arXiv:1508.05154, section 3, with
    absolute differences; at most so many bins, and at least ten photos in each where there are that many.
    """
    order = np.argsort(probability, kind="stable")
    parts = np.array_split(order, max(1, min(bins, len(order) // 10)))
    gaps = [abs(probability[part].mean() - right[part].mean()) * len(part) for part in parts]
    return float(sum(gaps) / len(order))
