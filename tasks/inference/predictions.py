"""Tables of predictions: predictions.parquet, and Kaggle's submission.csv."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.inference.arrays import DIGITS, Floats, Ids, ScoredPredictions

if TYPE_CHECKING:
    import pandas as pd

SUBMISSION_NAMES = 5
"""Class names for each photo of a submission (kaggle.com/c/whale-categorization-playground, "Submission File")."""


def table(
    rows: "pd.DataFrame", answers: ScoredPredictions, probabilities: Floats, names: Sequence[str], top_k: int
) -> "pd.DataFrame":
    """Make the table of predictions, one row for each photo.

    Args:
        rows: The photos, with the columns photo, name and split.
        answers: The scored predictions of the photos.
        probabilities: (n, classes) in 0..1.
        names: The names of the classes.
        top_k: Number of classes to list for each photo.

    Returns:
        The columns of predictions.parquet. `label` is the true class, or the unknown class if the classifier can
        predict that one instead; `rank` and `loss` are as in `ScoredPredictions`.
    """
    order, likely = top_with_probabilities(probabilities, top_k)
    found = rows[["photo", "name", "split"]].reset_index(drop=True)
    found["label"] = [names[i] for i in answers.truth]
    found["predicted"] = [names[i] for i in answers.predicted]
    found["probability"] = likely[:, 0]
    found["rank"] = answers.rank
    found["loss"] = answers.loss.round(DIGITS)
    found["top_names"] = [[names[i] for i in classes] for classes in order]
    found["top_probabilities"] = list(likely)
    return found


def top_classes(probabilities: Floats, most: int) -> Ids:
    """Find the classes with the highest probabilities; ties go to the lower class number.

    To take the highest value several times is faster than to sort thousands of classes.

    Args:
        probabilities: (n, classes).
        most: Number of classes to find.

    Returns:
        (n, k) class numbers with k up to `most`, the highest probability first.
    """
    left, order = probabilities.copy(), np.empty((len(probabilities), min(most, probabilities.shape[1])), np.int64)
    for position in range(order.shape[1]):
        order[:, position] = left.argmax(axis=1)
        np.put_along_axis(left, order[:, [position]], -1, axis=1)
    return order


def top_with_probabilities(probabilities: Floats, most: int) -> tuple[Ids, Floats]:
    """Find the `top_classes`, and their probabilities, rounded as in files."""
    order = top_classes(probabilities, most)
    return order, np.take_along_axis(probabilities, order, axis=1).round(DIGITS)


def scored_predictions(predictions: "pd.DataFrame", truth: Sequence[str], names: Sequence[str]) -> ScoredPredictions:
    """Read scored predictions from a table of predictions.

    Args:
        predictions: Rows of predictions.parquet.
        truth: The true class of each row.
        names: The names of the classes, in the order of their numbers.
    """
    number = {name: i for i, name in enumerate(names)}
    true, predicted = (
        np.array([number[name] for name in column], np.int64) for column in (truth, predictions["predicted"])
    )
    return ScoredPredictions(
        true, predicted, predictions["rank"].to_numpy(), predictions["loss"].to_numpy(), len(names)
    )


def submission(photos: Iterable[str], top_names: Iterable[Sequence[str]]) -> "pd.DataFrame":
    """Make a submission with the columns Image (name of the photo) and Id (up to five class names).

    Blanks separate the class names, so a blank inside a name becomes `_`.

    Args:
        photos: The names of the photos.
        top_names: The predicted classes of each photo, the most probable first.
    """
    import pandas as pd

    ids: list[Any] = [" ".join("_".join(name.split()) for name in names[:SUBMISSION_NAMES]) for names in top_names]
    return pd.DataFrame({"Image": list(photos), "Id": ids})
