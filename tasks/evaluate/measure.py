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
from tasks.evaluate.eval_set import EvalSet
from tasks.evaluate.predict import NetworkOutput
from tasks.inference import calibration
from tasks.inference.arrays import ScoredPredictions
from tasks.inference.decision import DecisionRule
from tasks.inference.predictions import SUBMISSION_NAMES
from tasks.store.atomic import write_json
from tasks.store.manifest import Manifest


def measure(
    config: EvaluateConfig,
    eval_set: EvalSet,
    out: Path,
    *,
    root: Path,
    classifier: Path,
    has_encoder: bool,
    version: int,
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
    nearest = _look_up(eval_set, network.features if is_frozen else network.descriptors)
    measured = _scores(config, eval_set, Decisions.read(out), nearest)
    measured["calibration"] |= _temperature(eval_set, Decisions.read(out), DecisionRule.read(out))
    measured["nearest_by"] = "pretrained features" if is_frozen else "codes" if has_encoder else "pixels"
    test = _test_predictions(eval_set, out)
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


def _look_up(eval_set: EvalSet, vectors: NDArray[np.float32]) -> ScoredPredictions:
    """Answer the test photos without training: by the most similar train photo.

    vectors: (n, d), of all photos.
    """
    val, test = eval_set.is_for_calibration, eval_set.of("test")
    centred = vectors - vectors[eval_set.of("train")].mean(axis=0)
    known = references_of(eval_set, centred)
    classes = len(eval_set.labels)
    fitted = calibration.fit(
        known.class_similarity(centred[val], classes), eval_set.truth[val], unknown=eval_set.has_unknown
    )
    return ScoredPredictions.of(
        eval_set.truth[test], eval_set.padded(fitted(known.class_similarity(centred[test], classes)))
    )


def _scores(
    config: EvaluateConfig, eval_set: EvalSet, decided: Decisions, nearest: ScoredPredictions
) -> dict[str, Any]:
    """All numbers, except those of the previous model."""
    tested = eval_set.of("test")[eval_set.is_held_out]
    test = decided.answers.only(tested)
    photos = {
        split: np.bincount(eval_set.truth[eval_set.of(split)], minlength=len(eval_set.names))
        for split in ("train", "val", "test")
    }
    class_frequencies = eval_set.class_frequencies
    others = {"commonest": ScoredPredictions.majority_class(test.truth, class_frequencies), "nearest": nearest}
    measured = summary.measure(test, others, photos, eval_set.names, config, groups=eval_set.groups)
    measured["commonest"] = [
        eval_set.names[i] for i in np.argsort(-class_frequencies, kind="stable")[:SUBMISSION_NAMES]
    ]
    measured["val"] = {}
    if not tested.all():
        scores = metrics.score(decided.answers.only(~tested), config.top_k)
        measured["val"] = {name: summary.rounded(value) for name, value in scores.items()}
    right = test.predicted == test.truth
    measured["calibration"] = {
        "photos": int(eval_set.is_for_calibration.sum()),
        "error": summary.rounded(calibration.calibration_error(decided.confidence[tested], right)),
    }
    if eval_set.unknown_label:
        told = summary.measure_unknown(test, eval_set.groups, config)
        measured["unknown"] = {"label": eval_set.unknown_label, **told}
    return measured


def _temperature(eval_set: EvalSet, decided: Decisions, rule: DecisionRule) -> dict[str, Any]:
    """What calibration changed; nothing where more than the network decides."""
    if decided.uncalibrated is None:
        return {}
    tested = eval_set.of("test")[eval_set.is_held_out]
    test = decided.answers.only(tested)
    before = calibration.calibration_error(decided.uncalibrated[tested], test.predicted == test.truth)
    return {"temperature": summary.rounded(rule.network.temperature), "error_before": summary.rounded(before)}


def _test_predictions(eval_set: EvalSet, out: Path) -> Any:
    """The predictions of the test photos, with the group of each."""
    predictions = tables.PREDICTIONS.read(out)
    return predictions[predictions["split"] == "test"].assign(group=eval_set.groups)
