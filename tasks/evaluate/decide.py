"""Step 2 of an evaluation: from the network's output to calibrated answers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate.eval_set import Exam
from tasks.evaluate.predict import NetworkOutput
from tasks.inference.arrays import Answers, Floats, softmax
from tasks.inference.decision import Inference
from tasks.inference.knn import References
from tasks.inference.predictions import SUBMITTED, best, submission, table


@dataclass(frozen=True)
class Decisions:
    """The answers to the photos of validation and test, with all their digits."""

    answers: Answers
    confidence: Floats
    """(n,) the probability of each answer."""
    uncalibrated: Floats | None
    """(n,) the same before calibration; None where more than the network decides."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `decide` wrote."""
        with np.load(tables.ANSWERS.path(folder)) as found:
            answers = Answers(found["truth"], found["predicted"], found["rank"], found["loss"], int(found["classes"]))
            uncalibrated = found["uncalibrated"] if "uncalibrated" in found.files else None
            return cls(answers, found["confidence"], uncalibrated)


def decide(config: EvaluateConfig, exam: Exam, out: Path) -> None:
    """Fit the decision rule on validation photos, apply it, and write the answers.

    Reads the files of `predict` in `out`; writes the rule, the answers, predictions.parquet and submission.csv there.
    """
    network = NetworkOutput.read(out)
    held_out = exam.is_held_out
    references = references_of(exam, network.features)
    likeness = None
    if config.infer_from != "network":
        likeness = references.likeness(network.features[held_out], len(exam.labels))
    rule = _fit(config, exam, network.logits, likeness)
    rule.write(out, references)
    probabilities = exam.padded(rule.probabilities(network.logits, likeness))
    answers = Answers.of(exam.truth[held_out], probabilities)
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
    predictions = table(exam.rows[held_out], answers, probabilities, exam.names, config.top_k)
    tables.PREDICTIONS.write(predictions, out)
    tested = predictions["split"].to_numpy() == "test"
    likeliest = _names(probabilities[tested], exam.names)
    sent = submission(predictions["name"][tested], likeliest)
    sent.to_csv(tables.SUBMISSION.path(out), index=False, lineterminator="\n")


def references_of(exam: Exam, features: NDArray[np.float32]) -> References:
    """The train photos to compare others with, by vectors `(n, d)` of all photos."""
    train = exam.of("train")
    return References.of(features[train], exam.truth[train], exam.rows["photo"].to_numpy()[train])


def _fit(
    config: EvaluateConfig, exam: Exam, logits: NDArray[np.float32], likeness: NDArray[np.float32] | None
) -> Inference:
    fitted_on = exam.is_fitted_on[exam.is_held_out]
    return Inference.fit(
        config.infer_from,
        exam.labels,
        logits[fitted_on],
        None if likeness is None else likeness[fitted_on],
        truth=exam.truth[exam.is_fitted_on],
        unknown_label=exam.unknown_label,
    )


def _names(probabilities: Floats, names: list[str]) -> list[list[str]]:
    """The names of the likeliest classes of each photo; those without any probability are left out."""
    return [
        [names[i] for i in places if row[i]]
        for places, row in zip(best(probabilities, SUBMITTED), probabilities, strict=True)
    ]
