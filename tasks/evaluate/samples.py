"""Choose the photos that the report shows."""

import pandas as pd


def mistakes(test: pd.DataFrame, most: int) -> pd.DataFrame:
    """Choose the wrong predictions with the highest probabilities.

    Args:
        test: Predictions, with the columns photo, label, predicted and probability.
        most: Maximum number of photos.
    """
    wrong = test[test["predicted"] != test["label"]]
    return wrong.sort_values(["probability", "photo"], ascending=[False, True]).head(most)


def successes(test: pd.DataFrame, most: int) -> pd.DataFrame:
    """Choose correct predictions, the same number of each class as far as possible.

    Within a class, the digests of the photos decide. They are as good as random, and give the same photos each time.

    Args:
        test: Predictions, with the columns photo, label and predicted.
        most: Maximum number of photos.
    """
    right = test[test["predicted"] == test["label"]].sort_values("photo")
    turn = right.groupby("label").cumcount()
    return right.assign(turn=turn).sort_values(["turn", "label", "photo"]).drop(columns="turn").head(most)
