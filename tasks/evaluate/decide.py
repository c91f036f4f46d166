"""Step 2 of an evaluation: from the network's output to calibrated predictions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from configs.schema import EvaluateConfig, InferFrom
from tasks import tables
from tasks.evaluate.eval_set import EvalSet
from tasks.evaluate.model import Model
from tasks.evaluate.predict import NetworkOutput
from tasks.inference.arrays import Floats, ScoredPredictions, softmax
from tasks.inference.decision import DecisionRule
from tasks.inference.knn import References
from tasks.inference.predictions import SUBMISSION_NAMES, submission, table, top_classes


@dataclass(frozen=True)
class Decisions:
    """The predictions for the n validation and test photos, without the rounding of predictions.parquet."""

    answers: ScoredPredictions
    confidence: Floats
    """(n,) the probability of the predicted class."""
    uncalibrated: Floats | None
    """(n,) the same before calibration; None if not only the calibrated network decides."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the file of `write`."""
        with np.load(tables.evaluate.ANSWERS.path(folder)) as found:
            answers = ScoredPredictions(
                found["truth"], found["predicted"], found["rank"], found["loss"], int(found["classes"])
            )
            uncalibrated = found["uncalibrated"] if "uncalibrated" in found.files else None
            return cls(answers, found["confidence"], uncalibrated)

    def write(self, folder: Path) -> None:
        """Write the decisions into the folder of an evaluation."""
        uncalibrated = {} if self.uncalibrated is None else {"uncalibrated": self.uncalibrated}
        np.savez(
            tables.evaluate.ANSWERS.path(folder),
            allow_pickle=False,
            truth=self.answers.truth,
            predicted=self.answers.predicted,
            rank=self.answers.rank,
            loss=self.answers.loss,
            classes=self.answers.classes,
            confidence=self.confidence,
            **uncalibrated,
        )


def decide(config: EvaluateConfig, model: Model, eval_set: EvalSet, out: Path) -> None:
    """Fit the decision rule on validation photos, apply it, and write the predictions.

    Args:
        config: The section of the evaluate stage.
        model: The classifier and what it needs.
        eval_set: The evaluation set.
        out: The folder with the files of `predict`. The decision rule, the decisions, predictions.parquet and
            submission.csv are written there.
    """
    network = NetworkOutput.read(out)
    held_out = eval_set.is_held_out
    infer_from = model.infer_from(config)
    class_similarity, references = None, None
    if infer_from != "network":
        class_similarity = similarity_of(eval_set, network.vectors, model.learned_from_validation)
        references = references_of(eval_set, network.vectors, model.learned_from_validation)
    rule = _fit(infer_from, eval_set, network.logits, class_similarity)
    rule.write(out, references)
    probabilities = eval_set.padded(rule.probabilities(network.logits, class_similarity))
    answers = ScoredPredictions.of(eval_set.truth[held_out], probabilities)
    is_only_calibrated = infer_from == "network" and config.unknown == "never"
    uncalibrated = softmax(network.logits).max(axis=1) if is_only_calibrated else None
    Decisions(answers, probabilities.max(axis=1), uncalibrated).write(out)
    predictions = table(eval_set.rows[held_out], answers, probabilities, eval_set.names, config.top_k)
    tables.evaluate.PREDICTIONS.write(predictions, out)
    is_test = predictions["split"].to_numpy() == "test"
    submitted = submission(predictions["name"][is_test], _top_names(probabilities[is_test], eval_set.names))
    submitted.to_csv(tables.evaluate.SUBMISSION.path(out), index=False, lineterminator="\n")


def references_of(eval_set: EvalSet, features: NDArray[np.float32], with_validation: bool = False) -> References:
    """Make references of the train photos, and of validation photos too if asked, from the features `(n, d)` of all."""
    used = eval_set.of("train")
    if with_validation:
        used = used | (eval_set.of("val") & (eval_set.truth < len(eval_set.labels)))
    return References.of(features[used], eval_set.truth[used], eval_set.rows["photo"].to_numpy()[used])


def similarity_of(eval_set: EvalSet, features: NDArray[np.float32], with_validation: bool) -> NDArray[np.float32]:
    """Compute how similar the validation and test photos are to each class, `(m, classes)`.

    Validation photos are compared with train photos only: they may not be compared with themselves. Test photos are
    compared with validation photos too, if the classifier has learned from them.

    Args:
        eval_set: The evaluation set.
        features: (n, d) of all its photos.
        with_validation: Whether the classifier has learned from validation photos.
    """
    classes = len(eval_set.labels)
    references = references_of(eval_set, features)
    if not with_validation:
        return references.class_similarity(features[eval_set.is_held_out], classes)
    found = np.empty((int(eval_set.is_held_out.sum()), classes), np.float32)
    for split, compared in (("val", references), ("test", references_of(eval_set, features, with_validation=True))):
        rows = eval_set.of(split)
        found[rows[eval_set.is_held_out]] = compared.class_similarity(features[rows], classes)
    return found


def probabilities_of(rule: DecisionRule, model: Model, eval_set: EvalSet, network: NetworkOutput) -> Floats:
    """Compute the probabilities `(m, names)` of the validation and test photos again, as `decide` did."""
    class_similarity = None
    if rule.nearest:
        class_similarity = similarity_of(eval_set, network.vectors, model.learned_from_validation)
    return eval_set.padded(rule.probabilities(network.logits, class_similarity))


def _fit(
    infer_from: InferFrom, eval_set: EvalSet, logits: NDArray[np.float32], class_similarity: NDArray[np.float32] | None
) -> DecisionRule:
    fitted_on = eval_set.is_for_calibration[eval_set.is_held_out]
    return DecisionRule.fit(
        infer_from,
        eval_set.labels,
        logits[fitted_on],
        None if class_similarity is None else class_similarity[fitted_on],
        truth=eval_set.truth[eval_set.is_for_calibration],
        unknown_label=eval_set.unknown_label,
    )


def _top_names(probabilities: Floats, names: list[str]) -> list[list[str]]:
    """List the most probable classes of each photo; classes with probability 0 are left out."""
    return [
        [names[i] for i in classes if row[i]]
        for classes, row in zip(top_classes(probabilities, SUBMISSION_NAMES), probabilities, strict=True)
    ]
