"""Doubtful labels: photos whose label classifiers that have not learned from them consider wrong."""

from typing import TYPE_CHECKING

import numpy as np

from tasks.inference.mislabels import NO_SUGGESTION, find_mislabels
from tasks.train.training_set import TrainingSet

if TYPE_CHECKING:
    import pandas as pd


def find(data: TrainingSet) -> "pd.DataFrame":
    """Judge the labels of the train and validation photos by their features.

    The photos of the test are not judged: a choice among them by a model's doubt would flatter the model.

    Args:
        data: the training set.

    Returns:
        The columns of label_issues.parquet: as many photos as confident learning estimates wrong labels, those with
        the highest doubts. No row without features, or if no class has enough photos.
    """
    import pandas as pd

    photos = data.together().train
    if not data.has_features or not len(photos):
        return pd.DataFrame({"photo": [], "label": [], "suggestion": [], "doubt": []}).astype({"doubt": np.float64})
    groups = np.unique(photos.groups.astype(np.str_), return_inverse=True)[1]
    doubt, suggested, estimate = find_mislabels(data.vectors_of(photos), photos.targets, groups)
    is_listed = suggested != NO_SUGGESTION
    found = photos.rows.loc[is_listed, ["photo", "label"]].assign(
        suggestion=np.array(data.labels, object)[suggested[is_listed]],
        doubt=np.round(doubt[is_listed], 4),  # the last bits differ between machines
    )
    ordered: pd.DataFrame = found.sort_values(["doubt", "photo"], ascending=[False, True], ignore_index=True)
    return ordered.head(estimate)
