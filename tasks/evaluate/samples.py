"""Which photos a report shows of those that were answered."""

import pandas as pd


def mistakes(test: pd.DataFrame, most: int) -> pd.DataFrame:
    """The wrong answers that were the surest; `test` has columns photo, label, predicted, probability."""
    wrong = test[test["predicted"] != test["label"]]
    return wrong.sort_values(["probability", "photo"], ascending=[False, True]).head(most)


def successes(test: pd.DataFrame, most: int) -> pd.DataFrame:
    """Right answers, the classes taking turns, each in the order of its photos' digests: as good as chance."""
    shuffled = test[test["predicted"] == test["label"]].sort_values("photo")
    turn = shuffled.groupby("label").cumcount()
    return shuffled.assign(turn=turn).sort_values(["turn", "label", "photo"]).drop(columns="turn").head(most)
