"""The photos that a check of the filter removed from the test: what the classifier answers to them.

A filter that removes difficult photos from the test makes the test easier. So these photos are predicted, too, and the
report shows the scores with and without them. Everything that is fitted or selected is finished by then: the finished
decision rule answers, and `EvalSet` doesn't contain these photos, so no other number depends on them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from tasks import tables
from tasks.evaluate.eval_set import EvalSet, rows_of
from tasks.evaluate.model import Model
from tasks.evaluate.predict import BATCH_PHOTOS
from tasks.inference.arrays import DIGITS, ScoredPredictions
from tasks.inference.decision import DecisionRule
from tasks.store.context import StageContext
from tasks.store.progress import Progress
from tasks.text import photos_are

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class RemovedPhotos:
    """The n photos, one row for each photo and class, and the classifier's answers to them."""

    rows: "pd.DataFrame"
    """n rows of removed.parquet."""
    names: list[str]
    """The names of all classes: first those of the evaluation set, then those that only these photos have."""
    answers: ScoredPredictions
    """The predictions; the classes are those of `names`."""
    confidence: NDArray[np.float64]
    """(n,) the probability of the predicted class."""

    @classmethod
    def predict(
        cls,
        eval_set: EvalSet,
        *,
        kept: Path,
        model: Model,
        context: StageContext,
    ) -> Self | None:
        """Predict the removed photos with the finished decision rule, and write removed_predictions.parquet.

        Args:
            eval_set: The evaluation set.
            kept: The folder of the filter stage.
            model: The classifier and what it needs.
            context: The folder with the files of `predict` and `decide`, where the predictions are written; the data
                folder; the progress.

        Returns:
            The photos; None if there is none.

        Raises:
            UserError: The classifier returns NaN or infinity.
        """
        rows = tables.filter.REMOVED.read(kept)
        trained_on = rows["photo"].isin(set(tables.train.TRAINED_ON.read(model.classifier)["photo"]))
        if trained_on.any():  # in a split of long ago: its answers to them prove nothing
            context.warn(
                f"{photos_are(int(trained_on.sum()))} not among those that the filter removed from the test: the "
                "classifier was trained on them in an earlier run; train.warm_start=false trains a new one"
            )
        rows = rows[~trained_on].reset_index(drop=True)
        if rows.empty:
            return None
        probabilities = _probabilities(rows["photo"], model, context.out, context.progress)
        unknown = eval_set.names.index(eval_set.unknown_label) if eval_set.unknown_label else None
        others = set() if eval_set.unknown_label else set(rows["label"]) - set(eval_set.names)
        names = [*eval_set.names, *sorted(others)]
        number = {name: i for i, name in enumerate(names)}
        truth = np.array([number.get(label, unknown) for label in rows["label"]], np.int64)
        padded = np.pad(probabilities, ((0, 0), (0, len(names) - probabilities.shape[1])))
        found = cls(rows, names, ScoredPredictions.of(truth, padded), padded.max(axis=1))
        tables.evaluate.REMOVED_PREDICTIONS.write(found.table(), context.out)
        return found

    @property
    def is_right(self) -> NDArray[np.bool_]:
        """(n,) whether the predicted class is the true one."""
        return np.asarray(self.answers.predicted == self.answers.truth)

    def table(self) -> "pd.DataFrame":
        """Make the content of removed_predictions.parquet."""
        columns: dict[str, Any] = {
            "label": [self.names[i] for i in self.answers.truth],
            "predicted": [self.names[i] for i in self.answers.predicted],
            "probability": self.confidence.round(DIGITS),
            "rank": self.answers.rank,
            "loss": self.answers.loss.round(DIGITS),
        }
        return self.rows.assign(**columns)[tables.evaluate.REMOVED_PREDICTIONS.names]

    def added_to(self, test: ScoredPredictions) -> ScoredPredictions:
        """Append these photos to the predictions of m test photos: m + n predictions."""
        return ScoredPredictions(
            np.concatenate([test.truth, self.answers.truth]),
            np.concatenate([test.predicted, self.answers.predicted]),
            np.concatenate([test.rank, self.answers.rank]),
            np.concatenate([test.loss, self.answers.loss]),
            len(self.names),
        )


def _probabilities(photos: "pd.Series[str]", model: Model, evaluation: Path, progress: Progress) -> NDArray[np.float64]:
    """Compute the probabilities (n, answers) of the photos with the finished model, as those of the test photos."""
    from tasks.inference.predictor import Predictor  # imports Keras

    rule = DecisionRule.read(evaluation)
    references = tables.evaluate.REFERENCES.path(evaluation) if rule.nearest else None
    total_rows = 0 if model.is_frozen else len(photos)
    predictor = Predictor(tables.train.CLASSIFIER.path(model.classifier), None, references, rule, total_rows)
    if model.is_frozen:
        features = rows_of(model.features, photos, model.root, tables.shared.REMOVED_INDEX)
        return predictor.probabilities_of_features(features[:].astype(np.float32))
    rows = rows_of(model.inputs, photos, model.root, tables.shared.REMOVED_INDEX)
    probabilities = []
    with progress("removed photos", total=len(rows)) as advance:
        for start in range(0, len(rows), BATCH_PHOTOS):
            batch = rows[start : start + BATCH_PHOTOS]
            probabilities.append(predictor.probabilities(batch))
            advance(len(batch))
    return np.concatenate(probabilities)
