"""Step 4 of an evaluation, beside the explanations: where the classifier is weak, and what would help."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate.decide import Decisions, probabilities_of
from tasks.evaluate.diagnose.abstaining import accuracy_by_coverage, threshold_for
from tasks.evaluate.diagnose.attributes import attributes_of, brightness_of
from tasks.evaluate.diagnose.feature_map import feature_map
from tasks.evaluate.diagnose.learning_curve import SHARES, learning_curve
from tasks.evaluate.diagnose.limited import measure_answered, measure_sets, set_rows
from tasks.evaluate.diagnose.robustness import measure_robustness
from tasks.evaluate.diagnose.slices import LEAST_GROUPS, compare_slices
from tasks.evaluate.eval_set import EvalSet, rows_of
from tasks.evaluate.model import Model
from tasks.evaluate.predict import BATCH_PHOTOS, NetworkOutput
from tasks.evaluate.significance import holm
from tasks.evaluate.summary import estimate, rounded
from tasks.inference.arrays import DIGITS, Floats
from tasks.inference.calibration import LEAST_PHOTOS
from tasks.inference.conformal import least_probability
from tasks.inference.decision import DecisionRule
from tasks.inference.limits import Limit, Limits
from tasks.store.atomic import write_json
from tasks.store.progress import Progress

_CURVE_POINTS = 100
_MAP_PHOTOS = 300
"""Most photos on the map: each is shown as a thumbnail."""


def diagnose(
    config: EvaluateConfig, evaluation: Path, *, photos: Path, kept: Path, model: Model, progress: Progress
) -> list[Path]:
    """Write diagnostics.json, the limits of probabilities, the sets of possible classes and the map of features.

    Args:
        config: The section of the evaluate stage.
        evaluation: The folder of the evaluation, with the files of the steps before; the new files go there, too.
        photos: The folder of the crawl stage.
        kept: The folder of the filter stage.
        model: The classifier and what it needs.
        progress: Reports the number of finished photos.

    Returns:
        The files.
    """
    eval_set, network = EvalSet.read(config, kept, model.classifier), NetworkOutput.read(evaluation)
    decisions, rule = Decisions.read(evaluation), DecisionRule.read(evaluation)
    is_test = eval_set.of("test")[eval_set.is_held_out]
    right = decisions.answers.predicted == decisions.answers.truth
    probabilities = probabilities_of(rule, model, eval_set, network)
    limits = _limits(config, eval_set, decisions, probabilities)
    limits.write(evaluation)
    found: dict[str, Any] = {
        "slices": _slices(config, eval_set, _attributes(eval_set, model, photos), right[is_test]),
        "abstaining": _abstaining(config, eval_set, decisions, limits),
    }
    files = [tables.evaluate.DIAGNOSTICS.path(evaluation), tables.evaluate.LIMITS.path(evaluation)]
    tables.evaluate.PREDICTION_SETS.path(evaluation).unlink(missing_ok=True)
    if limits.sets is not None:
        found["sets"], rows = _sets(limits, config, eval_set, probabilities[is_test])
        if rows is not None:
            tables.evaluate.PREDICTION_SETS.write_rows(rows, evaluation)
            files.append(tables.evaluate.PREDICTION_SETS.path(evaluation))
    if (curve := _learning_curve(config, eval_set, model, network.descriptors)) is not None:
        found["learning_curve"] = curve
    if config.robustness:
        found["robustness"] = measure_robustness(config, model, eval_set, evaluation, progress)
    tables.evaluate.FEATURE_MAP.write_rows(_map(eval_set, network.vectors), evaluation)
    write_json(tables.evaluate.DIAGNOSTICS.path(evaluation), found)
    return [*files, tables.evaluate.FEATURE_MAP.path(evaluation)]


def _attributes(eval_set: EvalSet, model: Model, crawl: Path) -> dict[str, NDArray[np.object_]]:
    """Describe the test photos; crawl is the folder of the crawl stage."""
    photos = eval_set.rows["photo"][eval_set.of("test")]
    tiles = rows_of(model.tiles, photos, model.root)
    brightness = [brightness_of(tiles[start : start + BATCH_PHOTOS]) for start in range(0, len(tiles), BATCH_PHOTOS)]
    columns = ["photo", "name", "url", "engine", "keyword", "width_px", "height_px", "file"]
    crawled = tables.crawl.PHOTOS.read(crawl, columns)
    times = tables.crawl.TIMES.read(crawl) if tables.crawl.TIMES.path(crawl).exists() else None
    taken_at = {} if times is None else dict(zip(times["photo"], times["taken_at"], strict=True))
    return attributes_of(photos.tolist(), crawled, np.concatenate(brightness), model.root, taken_at)


def _slices(
    config: EvaluateConfig, eval_set: EvalSet, attributes: Mapping[str, NDArray[np.object_]], right: NDArray[np.bool_]
) -> dict[str, Any]:
    """Compare the accuracy of answers to test photos by their attributes."""
    rows = compare_slices(
        right,
        attributes,
        eval_set.truth[eval_set.of("test")],
        eval_set.groups,
        resamples=config.bootstrap,
        seed=config.seed,
    )
    return {
        "least": LEAST_GROUPS,
        "rows": [
            {
                "attribute": row.attribute,
                "value": row.value,
                "photos": row.photos,
                "accuracy": estimate(row.accuracy),
                "others": rounded(row.others),
                "p_value": rounded(row.p_value),
                "verdict": row.verdict,
            }
            for row in rows
        ],
    }


def _limits(config: EvaluateConfig, eval_set: EvalSet, decisions: Decisions, probabilities: Floats) -> Limits:
    """Choose the limits by validation photos; probabilities: (m, names) of the validation and test photos."""
    held_out = eval_set.is_held_out
    fitted_on, truth = eval_set.is_for_calibration[held_out], eval_set.truth[held_out]
    is_enough = fitted_on.sum() >= LEAST_PHOTOS
    abstain, sets = None, None
    if config.abstain is not None:
        right = decisions.answers.predicted == decisions.answers.truth
        threshold = threshold_for(decisions.confidence[fitted_on], right[fitted_on], config.abstain)
        abstain = Limit(config.abstain, threshold if is_enough else None)
    if config.set_coverage is not None:
        of_truth = np.take_along_axis(probabilities, truth[:, None], axis=1)[:, 0]
        least = least_probability(of_truth[fitted_on], config.set_coverage)
        sets = Limit(config.set_coverage, least if is_enough else None)
    return Limits(abstain, sets)


def _abstaining(config: EvaluateConfig, eval_set: EvalSet, decisions: Decisions, limits: Limits) -> dict[str, Any]:
    """Compute the curve on the test photos and, if an accuracy is wanted, what its threshold gives."""
    is_test = eval_set.of("test")[eval_set.is_held_out]
    confidence = decisions.confidence[is_test]
    right = (decisions.answers.predicted == decisions.answers.truth)[is_test]
    coverage, accuracy = accuracy_by_coverage(confidence, right)
    shown = np.unique(np.linspace(0, len(coverage) - 1, min(len(coverage), _CURVE_POINTS)).astype(np.int64))
    found: dict[str, Any] = {
        "coverage": [rounded(value) for value in coverage[shown]],
        "accuracy": [rounded(value) for value in accuracy[shown]],
    }
    if limits.abstain is None:
        return found
    found["wanted"] = {"accuracy": limits.abstain.wanted, "photos": int(eval_set.is_for_calibration.sum())}
    if (threshold := limits.abstain.least_probability) is not None:
        answered = confidence >= threshold
        found["wanted"] |= {"threshold": rounded(threshold)}
        found["wanted"] |= measure_answered(answered, right, eval_set.groups, config)
    return found


def _sets(
    limits: Limits, config: EvaluateConfig, eval_set: EvalSet, probabilities: Floats
) -> tuple[dict[str, Any], list[dict[str, Any]] | None]:
    """Make the sets of possible classes of the test photos: their part of diagnostics.json, and their rows."""
    assert limits.sets is not None
    found: dict[str, Any] = {"wanted": limits.sets.wanted, "photos": int(eval_set.is_for_calibration.sum())}
    least, possible = limits.sets.least_probability, limits.possible(probabilities)
    if least is None or possible is None:
        return found, None
    test = eval_set.of("test")
    rows = set_rows(eval_set.rows["photo"][test], probabilities, possible, eval_set.truth[test], eval_set.names)
    found |= {"least_probability": rounded(least)}
    contains = np.array([row["has_true_class"] for row in rows])
    found |= measure_sets(possible, contains, eval_set.groups, config)
    return found, rows


def _learning_curve(
    config: EvaluateConfig, eval_set: EvalSet, model: Model, features: NDArray[np.float32]
) -> dict[str, Any] | None:
    if model.kind == "none":  # pixels say little about what a network could learn
        return None
    curve = learning_curve(
        features,
        eval_set.truth,
        eval_set.rows["split"].to_numpy(),
        eval_set.rows["group"].to_numpy(),
        len(eval_set.labels),
        resamples=config.bootstrap,
        seed=config.seed,
    )
    if curve is None:
        return None
    corrected = holm(list(curve.p_values.values()))
    photos = np.bincount(eval_set.truth[eval_set.of("train")], minlength=len(eval_set.names))
    return {
        "points": [
            {"share": share, "photos": count, "accuracy": estimate(accuracy)}
            for share, count, accuracy in zip(SHARES, curve.photos, curve.accuracy, strict=True)
        ],
        "doubling": estimate(curve.doubling),
        "classes": [
            {
                "label": eval_set.labels[number],
                "train": int(photos[number]),
                "gain": estimate(gain),
                "p_value": rounded(curve.p_values[number]),
                "corrected_p_value": rounded(p_value),
            }
            for (number, gain), p_value in zip(curve.gains.items(), corrected, strict=True)
        ],
    }


def _map(eval_set: EvalSet, vectors: NDArray[np.float32]) -> list[dict[str, Any]]:
    """Place test photos on the map; of more than `_MAP_PHOTOS`, their digests choose, which is as good as random."""
    test = np.flatnonzero(eval_set.of("test"))
    photos = eval_set.rows["photo"].to_numpy()
    chosen = test[np.argsort(photos[test])][:_MAP_PHOTOS]
    places = feature_map(np.asarray(vectors[chosen]))
    return [
        {"photo": photos[row], "x": round(float(x), DIGITS), "y": round(float(y), DIGITS)}
        for row, (x, y) in zip(chosen, places, strict=True)
    ]
