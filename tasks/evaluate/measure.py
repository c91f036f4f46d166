"""Step 3 of an evaluation: all its numbers, with their baselines, in metrics.json."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate import metrics, previous_model, summary
from tasks.evaluate.decide import Decisions, references_of
from tasks.evaluate.eval_set import Exam
from tasks.evaluate.predict import NetworkOutput
from tasks.inference import calibration
from tasks.inference.arrays import Answers
from tasks.inference.decision import Inference
from tasks.inference.predictions import SUBMITTED
from tasks.store.atomic import write_json
from tasks.store.manifest import Manifest


def measure(
    config: EvaluateConfig, exam: Exam, out: Path, *, root: Path, classifier: Path, has_encoder: bool, version: int
) -> dict[str, Any]:
    """Measure the answers that `decide` wrote to `out`, write metrics.json there, and return the same numbers.

    Args:
        config: The section of the evaluation.
        exam: The evaluated photos.
        out: The folder with the files of the steps before.
        root: The data folder, in which the previous model is looked for.
        classifier: The folder of the train stage.
        has_encoder: Whether the classifier was trained on an encoder's codes.
        version: The version of the evaluate stage; earlier versions can't be compared.
    """
    trained = Manifest.read(classifier)
    settings = trained.cache_key.config
    is_frozen = settings.get("weights") is not None and not settings.get("unfreeze")  # its features aren't learnt here
    network = NetworkOutput.read(out)
    nearest = _look_up(exam, network.features if is_frozen else network.descriptors)
    measured = _scores(config, exam, Decisions.read(out), nearest)
    measured["calibration"] |= _temperature(exam, Decisions.read(out), Inference.read(out))
    measured["nearest_by"] = "pretrained features" if is_frozen else "codes" if has_encoder else "pixels"
    test = _test_predictions(exam, out)
    if last := previous_model.find(root, version, trained.artifact.digest, test):
        measured["champion"] = previous_model.measure(last, test, config)
    write_json(tables.METRICS.path(out), measured, sort_keys=True)
    return measured


def counts(measured: Mapping[str, Any]) -> dict[str, int | float]:
    """The numbers that the dashboard's table and the terminal show."""
    scores = measured["test"]["scores"]
    accuracy = scores["accuracy"]
    shown = {
        "test photos": measured["photos"]["test"],
        "accuracy": accuracy["value"],
        "accuracy from": accuracy["low"],
        "accuracy to": accuracy["high"],
        "baseline accuracy": accuracy["against"]["commonest"]["value"],
        "nearest photo's accuracy": accuracy["against"]["nearest"]["value"],
        "macro F1": scores["macro_f1"]["value"],
        "balanced accuracy": scores["balanced_accuracy"]["value"],
    }
    if "champion" in measured:
        shown["previous model's accuracy"] = measured["champion"]["scores"]["accuracy"]["against"]["champion"]["value"]
    return shown


def _look_up(exam: Exam, vectors: NDArray[np.float32]) -> Answers:
    """Answer the test photos without training: by the most similar train photo.

    vectors: (n, d), of all photos.
    """
    val, test = exam.is_fitted_on, exam.of("test")
    centred = vectors - vectors[exam.of("train")].mean(axis=0)
    known = references_of(exam, centred)
    classes = len(exam.labels)
    fitted = calibration.fit(known.likeness(centred[val], classes), exam.truth[val], unknown=exam.has_unknown)
    return Answers.of(exam.truth[test], exam.padded(fitted(known.likeness(centred[test], classes))))


def _scores(config: EvaluateConfig, exam: Exam, decided: Decisions, nearest: Answers) -> dict[str, Any]:
    """All numbers, except those of the previous model."""
    tested = exam.of("test")[exam.is_held_out]
    test = decided.answers.only(tested)
    photos = {
        split: np.bincount(exam.truth[exam.of(split)], minlength=len(exam.names)) for split in ("train", "val", "test")
    }
    commonness = exam.commonness
    others = {"commonest": Answers.commonest(test.truth, commonness), "nearest": nearest}
    measured = summary.measure(test, others, photos, exam.names, config, groups=exam.groups)
    measured["commonest"] = [exam.names[i] for i in np.argsort(-commonness, kind="stable")[:SUBMITTED]]
    measured["val"] = {}
    if not tested.all():
        scores = metrics.score(decided.answers.only(~tested), config.top_k)
        measured["val"] = {name: summary.rounded(value) for name, value in scores.items()}
    right = test.predicted == test.truth
    measured["calibration"] = {
        "photos": int(exam.is_fitted_on.sum()),
        "error": summary.rounded(calibration.calibration_error(decided.confidence[tested], right)),
    }
    if exam.unknown_label:
        told = summary.measure_unknown(test, exam.groups, config)
        measured["unknown"] = {"label": exam.unknown_label, **told}
    return measured


def _temperature(exam: Exam, decided: Decisions, rule: Inference) -> dict[str, Any]:
    """What calibration changed; nothing where more than the network decides."""
    if decided.uncalibrated is None:
        return {}
    tested = exam.of("test")[exam.is_held_out]
    test = decided.answers.only(tested)
    before = calibration.calibration_error(decided.uncalibrated[tested], test.predicted == test.truth)
    return {"temperature": summary.rounded(rule.network.temperature), "error_before": summary.rounded(before)}


def _test_predictions(exam: Exam, out: Path) -> Any:
    """The predictions of the test photos, with the group of each."""
    predictions = tables.PREDICTIONS.read(out)
    return predictions[predictions["split"] == "test"].assign(group=exam.groups)
