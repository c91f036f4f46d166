"""Whether a probability can be taken at its word, and how it is made so."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tasks.support.metrics import Floats, Ids

_LOWEST, _HIGHEST = 0.05, 20.0
_BINS = 15
_Z = 1.959964
"""The normal distribution's 97.5 % quantile."""


def temperature(logits: NDArray[Any], truth: Ids) -> float:
    """What to divide logits `(n, classes)` by, for the true classes `(n,)` to be least surprising; 1 if n is 0.

    After Guo et al., arXiv:1706.04599, section 4.2: above 1 it makes a classifier less sure of itself. It doesn't
    change which class is the likeliest. Between 0.05 and 20. As in Platt, "Probabilistic outputs for support vector
    machines", 1999, section 2.2, 1 / (n + 2) of each photo counts as of the other classes, so that a few photos that
    are all right are no reason to be always sure.
    """
    from scipy.optimize import minimize_scalar

    count, classes = logits.shape
    if not count:
        return 1.0
    other = 1 / (count + 2) / (classes - 1)
    logits = logits - logits.max(axis=1, keepdims=True).astype(np.float64)
    targets_mean = other * logits.sum(axis=1) + (1 - other * classes) * logits[np.arange(count), truth]

    def surprise(log_temperature: float) -> float:
        """Cross entropy: since a photo's targets add up to 1, it is log sum exp less the logits' mean by them."""
        scaled = logits / np.exp(log_temperature)
        log_sum = np.log(np.exp(scaled, out=scaled).sum(axis=1))
        return float((log_sum - targets_mean / np.exp(log_temperature)).mean())

    found = minimize_scalar(surprise, bounds=(np.log(_LOWEST), np.log(_HIGHEST)), method="bounded")
    return float(np.exp(found.x))


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
