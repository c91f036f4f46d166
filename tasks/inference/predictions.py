"""Tables of what was answered: as kept by an evaluation, and as Kaggle's whale challenge takes them."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.inference.arrays import DIGITS, Floats, Ids, ScoredPredictions

if TYPE_CHECKING:
    import pandas as pd

SUBMISSION_NAMES = 5
"""Names for each photo of a submission (kaggle.com/c/whale-categorization-playground, "Submission File")."""


def table(
    rows: "pd.DataFrame", answers: ScoredPredictions, probabilities: Floats, names: Sequence[str], top_k: int
) -> "pd.DataFrame":
    """The predictions of photos, one row each: what was answered, how surely, and the `top_k` likeliest.

    rows: columns photo, name, split. probabilities: (n, classes) in 0..1. Column label is the true class, as far as it
    can be answered; loss is as in `ScoredPredictions`.
    """
    order, likely = top_with_probabilities(probabilities, top_k)
    found = rows[["photo", "name", "split"]].reset_index(drop=True)
    found["label"] = [names[i] for i in answers.truth]
    found["predicted"] = [names[i] for i in answers.predicted]
    found["probability"] = likely[:, 0]
    found["rank"] = answers.rank
    found["loss"] = answers.loss.round(DIGITS)
    found["top_names"] = [[names[i] for i in places] for places in order]
    found["top_probabilities"] = list(likely)
    return found


def top_classes(probabilities: Floats, most: int) -> Ids:
    """The likeliest classes of each photo, the likeliest first: `(n, up to most)`; ties go to the lower number.

    probabilities: `(n, classes)`. A few of thousands are found sooner one by one than by sorting all.
    """
    left, order = probabilities.copy(), np.empty((len(probabilities), min(most, probabilities.shape[1])), np.int64)
    for place in range(order.shape[1]):
        order[:, place] = left.argmax(axis=1)
        np.put_along_axis(left, order[:, [place]], -1, axis=1)
    return order


def top_with_probabilities(probabilities: Floats, most: int) -> tuple[Ids, Floats]:
    """As `top_classes`, and the probability of each, as it is written."""
    order = top_classes(probabilities, most)
    return order, np.take_along_axis(probabilities, order, axis=1).round(DIGITS)


def scored_predictions(predictions: "pd.DataFrame", truth: Sequence[str], names: Sequence[str]) -> ScoredPredictions:
    """What a table of predictions answered for photos of classes `truth`, numbered as in `names`."""
    number = {name: i for i, name in enumerate(names)}
    true, predicted = (
        np.array([number[name] for name in column], np.int64) for column in (truth, predictions["predicted"])
    )
    return ScoredPredictions(
        true, predicted, predictions["rank"].to_numpy(), predictions["loss"].to_numpy(), len(names)
    )


def submission(photos: Iterable[str], answered: Iterable[Sequence[str]]) -> "pd.DataFrame":
    """Columns Image and Id: a photo's name, and its five likeliest classes (or all there are), parted by blanks.

    A blank inside the name of a class becomes `_`, since it would part it.
    """
    import pandas as pd

    answers: list[Any] = [" ".join("_".join(name.split()) for name in names[:SUBMISSION_NAMES]) for names in answered]
    return pd.DataFrame({"Image": list(photos), "Id": answers})
