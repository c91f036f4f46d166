"""Sets of classes that contain the true class with a chosen probability: split conformal prediction."""

import numpy as np
from numpy.typing import NDArray

from tasks.inference.arrays import Floats


def least_probability(of_truth: Floats, coverage: float) -> float | None:
    """Find the probability from which on a class belongs to a photo's set.

    The score is LAC, one minus the probability of the class (Sadinle, Lei and Wasserman 2019, "Least ambiguous
    set-valued classifiers with bounded error levels", JASA 114, 223-234); the quantile is that of Angelopoulos and
    Bates, arXiv:2107.07511, section 1. If new photos are like the validation photos, the set contains the true class
    with a probability of at least `coverage`, however wrong the probabilities are.

    Args:
        of_truth: (n,) probability that the classifier gives to the true class of each validation photo.
        coverage: Wanted probability that the set contains the true class, above 0 and below 1.

    Returns:
        The least probability; None if there are too few photos for this coverage.
    """
    count = len(of_truth)
    needed = int(np.ceil((count + 1) * coverage))
    return None if needed > count else float(np.sort(of_truth)[count - needed])


def prediction_sets(probabilities: Floats, least: float) -> NDArray[np.bool_]:
    """Select the classes of each photo whose probability is at least `least`; the most likely class always.

    Args:
        probabilities: (n, classes).
        least: As `least_probability` returns it.

    Returns:
        (n, classes) whether the class belongs to the set of the photo.
    """
    chosen: NDArray[np.bool_] = probabilities >= least
    chosen[np.arange(len(chosen)), probabilities.argmax(axis=1)] = True
    return chosen
