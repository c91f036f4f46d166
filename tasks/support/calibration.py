"""Whether a probability can be taken at its word, and how it is made so."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.support.metrics import Floats, Ids

_LOWEST, _HIGHEST = 0.05, 20.0
_BINS = 15


def temperature(logits: NDArray[Any], truth: Ids) -> float:
    """What to divide logits `(n, classes)` by, for the true classes `(n,)` to be least surprising; 1 if n is 0.

    After Guo et al., arXiv:1706.04599, section 4.2: above 1 it makes a classifier less sure of itself. It doesn't
    change which class is the likeliest. Between 0.05 and 20. As in Platt, "Probabilistic outputs for support vector
    machines", 1999, section 2.2, 1 / (n + 2) of each photo counts as of the other classes, so that a few photos that
    are all right are no reason to be always sure.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    count, classes = logits.shape
    if not count:
        return 1.0
    other = 1 / (count + 2) / (classes - 1)
    targets = np.full((count, classes), other)
    targets[np.arange(count), truth] = 1 - other * (classes - 1)

    def surprise(log_temperature: float) -> float:
        logs = log_softmax(logits.astype(np.float64) / np.exp(log_temperature), axis=1)
        return float(-(targets * logs).sum(axis=1).mean())

    found = minimize_scalar(surprise, bounds=(np.log(_LOWEST), np.log(_HIGHEST)), method="bounded")
    return float(np.exp(found.x))


def calibration_error(probability: Floats, right: NDArray[np.bool_], bins: int = _BINS) -> float:
    """Mean distance between how sure and how often right, 0..1, over bins of equally many photos.

    probability: `(n,)` of the answers. right: `(n,)`. After Nguyen and O'Connor, arXiv:1508.05154, section 3, with
    absolute differences; at most so many bins, and at least ten photos in each where there are that many.
    """
    order = np.argsort(probability, kind="stable")
    parts = np.array_split(order, max(1, min(bins, len(order) // 10)))
    gaps = [abs(probability[part].mean() - right[part].mean()) * len(part) for part in parts]
    return float(sum(gaps) / len(order))
