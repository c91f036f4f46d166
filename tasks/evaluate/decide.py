"""Step 2 of an evaluation: from the network's output to calibrated answers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate.eval_set import EvalSet
from tasks.evaluate.predict import NetworkOutput
from tasks.inference.arrays import Floats, ScoredPredictions, softmax
from tasks.inference.decision import DecisionRule
from tasks.inference.knn import References
from tasks.inference.predictions import SUBMISSION_NAMES, submission, table, top_classes


@dataclass(frozen=True)
class Decisions:
    """The answers to the photos of validation and test, with all their digits."""

    answers: ScoredPredictions
    confidence: Floats
    """(n,) the probability of each answer."""
    uncalibrated: Floats | None
    """(n,) the same before calibration; None where more than the network decides."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `decide` wrote."""
        with np.load(tables.ANSWERS.path(folder)) as found:
            answers = ScoredPredictions(
                found["truth"], found["predicted"], found["rank"], found["loss"], int(found["classes"])
            )
            uncalibrated = found["uncalibrated"] if "uncalibrated" in found.files else None
            return cls(answers, found["confidence"], uncalibrated)


def decide(config: EvaluateConfig, eval_set: EvalSet, out: Path) -> None:
    """Fit the decision rule on validation photos, apply it, and write the answers.

    Reads the files of `predict` in `out`; writes the rule, the answers, predictions.parquet and submission.csv there.
    """
    network = NetworkOutput.read(out)
    held_out = eval_set.is_held_out
    references = references_of(eval_set, network.features)
    class_similarity = None
    if config.infer_from != "network":
        class_similarity = references.class_similarity(network.features[held_out], len(eval_set.labels))
    rule = _fit(config, eval_set, network.logits, class_similarity)
    rule.write(out, references)
    probabilities = eval_set.padded(rule.probabilities(network.logits, class_similarity))
    answers = ScoredPredictions.of(eval_set.truth[held_out], probabilities)
    is_network_alone = config.infer_from == "network" and config.unknown == "never"  # then it is only calibrated
    uncalibrated = {"uncalibrated": softmax(network.logits).max(axis=1)} if is_network_alone else {}
    np.savez(
        tables.ANSWERS.path(out),
        truth=answers.truth,
        predicted=answers.predicted,
        rank=answers.rank,
        loss=answers.loss,
        classes=answers.classes,
        confidence=probabilities.max(axis=1),
        **uncalibrated,
    )
    predictions = table(eval_set.rows[held_out], answers, probabilities, eval_set.names, config.top_k)
    tables.PREDICTIONS.write(predictions, out)
    tested = predictions["split"].to_numpy() == "test"
    likeliest = _names(probabilities[tested], eval_set.names)
    sent = submission(predictions["name"][tested], likeliest)
    sent.to_csv(tables.SUBMISSION.path(out), index=False, lineterminator="\n")


def references_of(eval_set: EvalSet, features: NDArray[np.float32]) -> References:
    """The train photos to compare others with, by vectors `(n, d)` of all photos."""
    train = eval_set.of("train")
    return References.of(features[train], eval_set.truth[train], eval_set.rows["photo"].to_numpy()[train])


def _fit(
    config: EvaluateConfig, eval_set: EvalSet, logits: NDArray[np.float32], class_similarity: NDArray[np.float32] | None
) -> DecisionRule:
    fitted_on = eval_set.is_for_calibration[eval_set.is_held_out]
    return DecisionRule.fit(
        config.infer_from,
        eval_set.labels,
        logits[fitted_on],
        None if class_similarity is None else class_similarity[fitted_on],
        truth=eval_set.truth[eval_set.is_for_calibration],
        unknown_label=eval_set.unknown_label,
    )


def _names(probabilities: Floats, names: list[str]) -> list[list[str]]:
    """The names of the likeliest classes of each photo; those without any probability are left out."""
    return [
        [names[i] for i in places if row[i]]
        for places, row in zip(top_classes(probabilities, SUBMISSION_NAMES), probabilities, strict=True)
    ]
