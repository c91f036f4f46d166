"""Doubtful labels: photos whose label classifiers that have not learned from them consider wrong."""

from typing import TYPE_CHECKING

import numpy as np

from tasks.inference.arrays import softmax
from tasks.train import logistic
from tasks.train.training_set import TrainingSet
from tasks.train.trial import Trial

if TYPE_CHECKING:
    import pandas as pd

FOLDS = 5


def find(data: TrainingSet, baseline: Trial | None) -> "pd.DataFrame":
    """Judge the labels of train and validation photos by logistic regression out of fold.

    Args:
        data: the training set.
        baseline: logistic regression on its features; None: there are no features.

    Returns:
        The columns of label_issues.parquet; no row without features.
    """
    import pandas as pd
    from sklearn.model_selection import StratifiedGroupKFold

    together = data.together().train
    if baseline is None or len(together) < FOLDS:
        return pd.DataFrame({"photo": [], "label": [], "suggestion": [], "doubt": []}).astype({"doubt": np.float64})
    vectors, targets = data.vectors_of(together), together.targets
    path = (baseline.details["c"],)
    logits = np.zeros((len(together), len(data.labels)), np.float32)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(vectors, targets, together.groups)
    for learned, judged in folds:
        *_, (_, linear) = logistic.fit_path(vectors[learned], targets[learned], len(data.labels), path=path)
        logits[judged] = linear(vectors[judged])
    probabilities = softmax(logits)
    rows = np.arange(len(together))
    doubt = 1 - probabilities[rows, targets]
    probabilities[rows, targets] = -1
    labels = np.array(data.labels, object)
    found = together.rows[["photo", "label"]].assign(suggestion=labels[probabilities.argmax(axis=1)], doubt=doubt)
    found = found[probabilities.max(axis=1) > 1 - doubt]
    ordered: pd.DataFrame = found.sort_values(["doubt", "photo"], ascending=[False, True], ignore_index=True)
    return ordered
