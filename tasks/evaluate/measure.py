"""Step 3 of an evaluation: compute all scores and their baselines, and write metrics.json."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate import summary
from tasks.evaluate.champion import compare_with, find_champion
from tasks.evaluate.decide import Decisions, similarity_of
from tasks.evaluate.eval_set import EvalSet
from tasks.evaluate.model import Model
from tasks.evaluate.predict import NetworkOutput
from tasks.evaluate.removed import RemovedPhotos
from tasks.evaluate.verdicts import set_verdicts
from tasks.inference import calibration
from tasks.inference.arrays import ScoredPredictions, softmax
from tasks.inference.decision import DecisionRule
from tasks.inference.predictions import SUBMISSION_NAMES
from tasks.inference.scores import score
from tasks.store.atomic import write_json
from tasks.store.manifest import Artifact, Manifest


def measure(
    config: EvaluateConfig,
    eval_set: EvalSet,
    out: Path,
    *,
    removed: RemovedPhotos | None,
    unknown_groups: Mapping[str, Any] | None = None,
    model: Model,
    version: int,
    champion: Artifact | None = None,
) -> dict[str, Any]:
    """Score the predictions of `decide`, and write metrics.json.

    Args:
        config: The section of the evaluate stage.
        eval_set: The evaluation set.
        out: The folder with the files of the steps before; metrics.json is written there.
        removed: The photos that a check of the filter removed from the test, and their predictions.
        unknown_groups: What `unknown_groups.propose_groups` has returned.
        model: The classifier and what it needs.
        version: The version of the evaluate stage. Evaluations of other versions aren't compared.
        champion: The evaluation of the champion; None: there is none.

    Returns:
        The content of metrics.json.
    """
    trained = Manifest.read(model.classifier)
    test_photos = eval_set.of("test")
    baselines = {"nearest": _nearest_photo(eval_set, NetworkOutput.read(out).descriptors, model)}
    logits = model.baseline_logits(eval_set.rows["photo"][test_photos])
    if logits is not None:
        probabilities = eval_set.padded(softmax(logits))
        baselines["logistic"] = ScoredPredictions.of(eval_set.truth[test_photos], probabilities)
    measured = _scores(config, eval_set, Decisions.read(out), baselines)
    measured["calibration"] |= _temperature(eval_set, Decisions.read(out), DecisionRule.read(out))
    measured["nearest_by"] = {"network": "features", "autoencoder": "codes", "none": "pixels"}[model.kind]
    measured["recipe"] = model.recipe
    measured["headline"] = model.recipe["metric"]
    test = _test_predictions(eval_set, out)
    if found := find_champion(model.root, version, trained.artifact.digest, test, champion):
        measured["champion"] = compare_with(found, test, config)
    if removed:
        measured["removed"] = _with_removed(config, eval_set, Decisions.read(out), removed, measured["test"]["scores"])
    if unknown_groups:
        measured["unknown"]["groups"] = unknown_groups
    set_verdicts(measured)
    write_json(tables.evaluate.METRICS.path(out), measured, sort_keys=True)
    return measured


def _with_removed(
    config: EvaluateConfig,
    eval_set: EvalSet,
    decisions: Decisions,
    removed: RemovedPhotos,
    scores: Mapping[str, Any],
) -> dict[str, Any]:
    """Compute the scores with the photos that the filter removed; `scores`: those of the test without them."""
    test = decisions.answers.only(eval_set.of("test")[eval_set.is_held_out])
    rows = removed.rows.assign(label=[removed.names[i] for i in removed.answers.truth], right=removed.is_right)
    together = removed.added_to(test)
    groups = np.concatenate([eval_set.groups, rows["group"].to_numpy()])
    return summary.summarize_removed(rows, scores, together, groups, config)


def _nearest_photo(eval_set: EvalSet, vectors: NDArray[np.float32], model: Model) -> ScoredPredictions:
    """Score the baseline that predicts the class of the most similar photo that the classifier has learned from.

    Args:
        eval_set: The evaluation set.
        vectors: (n, d), a description of each photo.
        model: The classifier.
    """
    held_out, val, test = eval_set.is_held_out, eval_set.is_for_calibration, eval_set.of("test")
    centred = vectors - vectors[eval_set.of("train")].mean(axis=0)
    similarity = similarity_of(eval_set, centred, model.learned_from_validation)
    fitted = calibration.fit(
        similarity[val[held_out]], eval_set.truth[val], unknown=eval_set.has_unknown, uncalibrated=calibration.COSINES
    )
    return ScoredPredictions.of(eval_set.truth[test], eval_set.padded(fitted(similarity[test[held_out]])))


def _scores(
    config: EvaluateConfig, eval_set: EvalSet, decisions: Decisions, baselines: Mapping[str, ScoredPredictions]
) -> dict[str, Any]:
    """Compute all scores, except those of the champion."""
    is_test = eval_set.of("test")[eval_set.is_held_out]
    test = decisions.answers.only(is_test)
    photos = {
        split: np.bincount(eval_set.truth[eval_set.of(split)], minlength=len(eval_set.names))
        for split in ("train", "val", "test")
    }
    class_frequencies = eval_set.class_frequencies
    baselines = {"commonest": ScoredPredictions.majority_class(test.truth, class_frequencies), **baselines}
    measured = summary.summarize(test, baselines, photos, eval_set.names, config, groups=eval_set.groups)
    measured["commonest"] = [
        eval_set.names[i] for i in np.argsort(-class_frequencies, kind="stable")[:SUBMISSION_NAMES]
    ]
    measured["val"] = {}
    if not is_test.all():
        scores = score(decisions.answers.only(~is_test), config.top_k)
        measured["val"] = {name: summary.rounded(value) for name, value in scores.items()}
    right = test.predicted == test.truth
    photos_for_calibration = int(eval_set.is_for_calibration.sum())
    measured["calibration"] = {
        "photos": photos_for_calibration,
        "least": calibration.LEAST_PHOTOS,
        "calibrated": photos_for_calibration >= calibration.LEAST_PHOTOS,
        "error": summary.rounded(calibration.calibration_error(decisions.confidence[is_test], right)),
    }
    if eval_set.unknown_label:
        unknown = summary.summarize_unknown(test, eval_set.groups, config)
        validated = int((eval_set.truth[eval_set.is_for_calibration] == len(eval_set.labels)).sum())
        measured["unknown"] = {"label": eval_set.unknown_label, "validation_photos": validated, **unknown}
    return measured


def _temperature(eval_set: EvalSet, decisions: Decisions, rule: DecisionRule) -> dict[str, Any]:
    """Compute the effect of the calibration; nothing if not only the calibrated network decides."""
    if decisions.uncalibrated is None:
        return {}
    is_test = eval_set.of("test")[eval_set.is_held_out]
    test = decisions.answers.only(is_test)
    before = calibration.calibration_error(decisions.uncalibrated[is_test], test.predicted == test.truth)
    return {"temperature": summary.rounded(rule.network.temperature), "error_before": summary.rounded(before)}


def _test_predictions(eval_set: EvalSet, out: Path) -> Any:
    """Read the predictions of the test photos, with the group of each."""
    predictions = tables.evaluate.PREDICTIONS.read(out)
    return predictions[predictions["split"] == "test"].assign(group=eval_set.groups)
