"""What the limits of a model give on labelled photos: answers that are not unsure, and sets of possible classes."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.schema import EvaluateConfig
from tasks.evaluate.diagnose.means import grouped_means
from tasks.evaluate.summary import estimate, rounded
from tasks.inference.arrays import Floats, Ids
from tasks.inference.limits import in_order


def measure_answered(
    answered: NDArray[np.bool_], right: NDArray[np.bool_], groups: NDArray[Any], config: EvaluateConfig
) -> dict[str, Any]:
    """Measure the answers that are not unsure.

    Args:
        answered: (n,) whether the answer to a photo is not unsure.
        right: (n,) whether it is right.
        groups: (n,) the group of near duplicates of each photo.
        config: The number of resamples and their seed.

    Returns:
        The share of answered photos (`coverage`) and, if there is one, the accuracy of their answers (`reached`).
    """
    found: dict[str, Any] = {"coverage": rounded(float(answered.mean()))}
    if answered.any():
        values = np.where(answered, right, np.nan)[None]
        [reached] = grouped_means(values, groups, resamples=config.bootstrap, seed=config.seed)
        found["reached"] = estimate(reached)
    return found


def measure_sets(
    possible: NDArray[np.bool_], contains: NDArray[np.bool_], groups: NDArray[Any], config: EvaluateConfig
) -> dict[str, Any]:
    """Measure sets of possible classes.

    Args:
        possible: (n, classes) whether a class belongs to the set of a photo; n is 1 or more.
        contains: (n,) whether the true class belongs to it.
        groups: (n,) the group of near duplicates of each photo.
        config: The number of resamples and their seed.

    Returns:
        How many sets contain the true class (`reached`), their mean size, and the share of those with one class.
    """
    sizes = possible.sum(axis=1)
    [reached] = grouped_means(contains[None].astype(np.float64), groups, resamples=config.bootstrap, seed=config.seed)
    return {
        "reached": estimate(reached),
        "mean_size": rounded(float(sizes.mean())),
        "single": rounded(float((sizes == 1).mean())),
    }


def set_rows(
    photos: Iterable[str], probabilities: Floats, possible: NDArray[np.bool_], truth: Ids, names: Sequence[str]
) -> list[dict[str, Any]]:
    """Make the rows of prediction_sets.parquet.

    Args:
        photos: SHA-256 of n photos.
        probabilities: (n, classes).
        possible: (n, classes) whether a class belongs to the set of a photo.
        truth: (n,) the true classes.
        names: The names of the classes.
    """
    return [
        {
            "photo": photo,
            "size": int(chosen.sum()),
            "classes": in_order(row, chosen, names),
            "has_true_class": bool(chosen[true]),
        }
        for photo, row, chosen, true in zip(photos, probabilities, possible, truth, strict=True)
    ]
