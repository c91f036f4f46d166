"""The evaluate stage: what the classifier is worth, on photos that nothing before it has seen."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from configs.schema import EvaluateConfig
from tasks.evaluate import metrics, previous_model, summary
from tasks.evaluate.eval_set import Exam
from tasks.evaluate.report import samples
from tasks.inference import arrays, calibration, knn
from tasks.inference.arrays import Answers, Floats
from tasks.inference.decision import Inference
from tasks.inference.knn import References
from tasks.inference.predictions import SUBMITTED, best, submission, table
from tasks.store import hashing
from tasks.store.context import StageContext
from tasks.store.manifest import Manifest, Result
from tasks.store.shards import INDEX, LazyRows
from tasks.store.stage import Stage

if TYPE_CHECKING:
    import pandas as pd

    from tasks.evaluate.report.data import Evidence
    from tasks.inference.network import Answering
    from tasks.networks.explain.result import Insight

VERSION = 3
_INSIGHT_PHOTOS = 12
_BATCH_PHOTOS = 256
_NEAREST = 3
"""Train photos that are shown beside a mistake."""


def build_evaluation(
    config: EvaluateConfig,
    *,
    photos: Path,
    kept: Path,
    tiles: Path,
    inputs: Path,
    classifier: Path,
    context: StageContext,
    encoder: Path | None = None,
) -> Result:
    """Predict the validation and test photos, measure, and write numbers, tables, figures and the report.

    Raises UserError if no photo is in the test split, if the classifier's answers aren't numbers, or if there is
    nothing to tune the answer to unknown classes on.
    """
    import pandas as pd

    from tasks.evaluate.report import data as evidence
    from tasks.inference.network import Answering

    exam = Exam.read(config, kept, classifier)
    network = Answering(classifier / "classifier.keras")
    rows = _rows(inputs, exam.rows["photo"], context)
    seen = _see(network, rows, exam.is_held_out, context)
    answered = _answer(config, exam, seen)
    tested = answered.predictions["split"].to_numpy() == "test"
    predictions = answered.predictions[tested].assign(group=exam.groups)

    trained = Manifest.read(classifier)
    settings = trained.cache_key.config
    is_frozen = settings.get("weights") is not None and not settings.get(
        "unfreeze"
    )  # then its features aren't learnt here
    nearest = _look_up(exam, seen.features if is_frozen else seen.given)
    is_network_alone = config.infer_from == "network" and config.unknown == "never"  # then it is only calibrated
    uncalibrated = arrays.softmax(seen.logits[tested]).max(axis=1) if is_network_alone else None
    measured = _measure(config, exam, answered, nearest, uncalibrated)
    measured["nearest_by"] = "pretrained features" if is_frozen else "codes" if encoder else "pixels"
    if last := previous_model.find(context.root, VERSION, trained.artifact.digest, predictions):
        measured["champion"] = previous_model.measure(last, predictions, config)

    _write_json(context.out / "metrics.json", measured)
    answered.predictions.to_parquet(context.out / "predictions.parquet", index=False)
    probabilities = answered.probabilities[tested]
    likeliest = [
        [exam.names[i] for i in places if row[i]]
        for places, row in zip(best(probabilities, SUBMITTED), probabilities, strict=True)
    ]
    sent = submission(predictions["name"], likeliest)
    sent.to_csv(context.out / "submission.csv", index=False, lineterminator="\n")
    answered.inference.write(context.out, answered.references)
    parents = {"photos": photos, "kept": kept, "tiles": tiles, "inputs": inputs, "classifier": classifier}
    if encoder:
        parents["encoder"] = encoder
    wrong, right = (choose(predictions, config.gallery) for choose in (samples.mistakes, samples.successes))
    insight = None
    if config.layer_images:  # as some test photos show it: right ones, if there are any
        first = pd.concat([choose(predictions, _INSIGHT_PHOTOS) for choose in (samples.successes, samples.mistakes)])
        some = _rows(tiles, first["photo"].iloc[:_INSIGHT_PHOTOS], context)[:]
        insight = _look_inside(config, network, encoder, some)
    found = evidence.gather(
        config,
        parents,
        context.root,
        metrics=measured,
        predictions=answered.predictions,
        matrix=metrics.confusion(answered.answers.only(tested)),
        heat_maps=_heat_maps(network, rows, exam, pd.concat([wrong, right])),
        neighbours=_neighbours(exam, answered.references, seen.features, wrong),
        uncalibrated=uncalibrated,
        insight=insight,
    )
    _write_report(found, context.out)
    return Result(_counts(measured), digest=hashing.of_value([measured, answered.predictions.to_json(orient="values")]))


@dataclass(frozen=True)
class _Seen:
    """What the classifier makes of n photos, and what it was given."""

    logits: NDArray[np.float32]
    """(photos that are held out, classes)"""
    features: NDArray[np.float32]
    """(n, d), from just before its head."""
    given: NDArray[np.float32]
    """(n, d'), its input, coarsely: see `neighbours.descriptors`."""


def _see(network: "Answering", rows: LazyRows, is_held_out: NDArray[np.bool_], context: StageContext) -> _Seen:
    """Features of all photos; logits only of those that are held out, as there can be many classes."""
    logits, features, given = [], [], []
    with context.progress("photos", total=len(rows)) as advance:
        for start in range(0, len(rows), _BATCH_PHOTOS):
            part = slice(start, start + _BATCH_PHOTOS)
            batch = rows[part]
            scores, vectors = network(batch)
            logits.append(scores[is_held_out[part]])
            features.append(vectors)
            given.append(knn.descriptors(batch))
            advance(len(batch))
    return _Seen(np.concatenate(logits), np.concatenate(features), np.concatenate(given))


@dataclass(frozen=True)
class _Answered:
    """What is answered for the photos that are held out, and by what."""

    inference: Inference
    references: References
    probabilities: Floats
    answers: Answers
    predictions: "pd.DataFrame"


def _answer(config: EvaluateConfig, exam: Exam, seen: _Seen) -> _Answered:
    learnt, held_out = exam.of("train"), exam.is_held_out
    references = References.of(seen.features[learnt], exam.truth[learnt], exam.rows["photo"].to_numpy()[learnt])
    likeness = None
    if config.infer_from != "network":
        likeness = references.likeness(seen.features[held_out], len(exam.labels))
    fitted_on = exam.is_fitted_on[held_out]
    inference = Inference.fit(
        config.infer_from,
        exam.labels,
        seen.logits[fitted_on],
        None if likeness is None else likeness[fitted_on],
        truth=exam.truth[exam.is_fitted_on],
        unknown_label=exam.unknown_label,
    )
    probabilities = exam.padded(inference.probabilities(seen.logits, likeness))
    answers = Answers.of(exam.truth[held_out], probabilities)
    predictions = table(exam.rows[held_out], answers, probabilities, exam.names, config.top_k)
    return _Answered(inference, references, probabilities, answers, predictions)


def _look_up(exam: Exam, given: NDArray[np.float32]) -> Answers:
    """Answer the test photos without training: by the most similar train photo.

    given: (n, d), of all photos.
    """
    learnt, val, test = exam.of("train"), exam.is_fitted_on, exam.of("test")
    centred = given - given[learnt].mean(axis=0)
    known = References.of(centred[learnt], exam.truth[learnt], exam.rows["photo"].to_numpy()[learnt])
    classes = len(exam.labels)
    fitted = calibration.fit(known.likeness(centred[val], classes), exam.truth[val], unknown=exam.has_unknown)
    return Answers.of(exam.truth[test], exam.padded(fitted(known.likeness(centred[test], classes))))


def _measure(
    config: EvaluateConfig, exam: Exam, answered: _Answered, nearest: Answers, uncalibrated: Floats | None
) -> dict[str, Any]:
    """All numbers, but for the champion's; uncalibrated: see `Evidence`."""
    tested = exam.of("test")[exam.is_held_out]
    test, probabilities = answered.answers.only(tested), answered.probabilities[tested]
    counts = {
        split: np.bincount(exam.truth[exam.of(split)], minlength=len(exam.names)) for split in ("train", "val", "test")
    }
    commonness, right = exam.commonness, test.predicted == test.truth
    others = {"commonest": Answers.commonest(test.truth, commonness), "nearest": nearest}
    measured = summary.measure(test, others, counts, exam.names, config, groups=exam.groups)
    measured["commonest"] = [exam.names[i] for i in np.argsort(-commonness, kind="stable")[:SUBMITTED]]
    measured["val"] = {}
    if not tested.all():
        scores = metrics.score(answered.answers.only(~tested), config.top_k)
        measured["val"] = {name: summary.rounded(value) for name, value in scores.items()}
    measured["calibration"] = {
        "photos": int(exam.is_fitted_on.sum()),
        "error": summary.rounded(calibration.calibration_error(probabilities.max(axis=1), right)),
    }
    if uncalibrated is not None:
        measured["calibration"] |= {
            "temperature": summary.rounded(answered.inference.network.temperature),
            "error_before": summary.rounded(calibration.calibration_error(uncalibrated, right)),
        }
    if exam.unknown_label:
        told = summary.measure_unknown(test, exam.groups, config)
        measured["unknown"] = {"label": exam.unknown_label, **told}
    return measured


def _counts(measured: Mapping[str, Any]) -> dict[str, int | float]:
    """What the dashboard's table and the terminal show."""
    scores = measured["test"]["scores"]
    accuracy = scores["accuracy"]
    counts = {
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
        counts["champion's accuracy"] = measured["champion"]["scores"]["accuracy"]["against"]["champion"]["value"]
    return counts


def _heat_maps(
    network: "Answering", rows: LazyRows, exam: Exam, shown: "pd.DataFrame"
) -> dict[str, NDArray[np.float32]]:
    """What spoke for the answers to some photos, by photo; for the unknown, for the likeliest of the others."""
    known = {label: i for i, label in enumerate(exam.labels)}
    places = exam.places(shown["photo"])
    classes = np.array([known.get(name, -1) for name in shown["predicted"]], np.int64)
    maps: dict[str, NDArray[np.float32]] = {}
    for start in range(0, len(places), _BATCH_PHOTOS):
        part = slice(start, start + _BATCH_PHOTOS)
        maps |= dict(zip(shown["photo"].iloc[part], network.heat_maps(rows[places[part]], classes[part]), strict=True))
    return maps


def _rows(folder: Path, photos: "pd.Series[str]", context: StageContext) -> LazyRows:
    """Tiles or features of photos, from the folder of their artifact."""
    import pandas as pd

    index = pd.read_parquet(folder / INDEX).set_index("photo", drop=False)
    return LazyRows(index.loc[photos.tolist()], context.root)


def _look_inside(
    config: EvaluateConfig, network: "Answering", encoder: Path | None, tiles: NDArray[np.uint8]
) -> "Insight":
    """The inside of the network, as some tiles show it; the maps are those of the first."""
    from tasks.networks.explain.inspect import look_inside
    from tasks.networks.keras_io import load

    coder = load(encoder / "encoder.keras") if encoder else None
    return look_inside(network.classifier, tiles, coder, most=config.layer_images, seed=config.seed)


def _neighbours(
    exam: Exam, references: References, features: NDArray[np.float32], shown: "pd.DataFrame"
) -> dict[str, list[tuple[str, str, float]]]:
    """Of each photo the most similar train photos: photo, class, and the cosine of their features."""
    places, cosines = references.nearest(features[exam.places(shown["photo"])], _NEAREST)
    return {
        photo: [
            (str(references.photos[i]), exam.labels[references.classes[i]], float(cosine))
            for i, cosine in zip(near, alike, strict=True)
        ]
        for photo, near, alike in zip(shown["photo"], places, cosines, strict=True)
    }


def _write_report(evidence: "Evidence", out: Path) -> None:
    """Write the figures, the report and the dashboard's summary."""
    from tasks.evaluate.report import page, style

    drawn = page.figures(evidence)
    (out / "figures").mkdir()
    for name, figure in drawn.items():
        (out / "figures" / f"{name}.png").write_bytes(style.png(figure))
    for name, text in (
        ("report.html", page.page(evidence, drawn)),
        ("summary.md", page.summary(evidence, drawn)),
    ):
        (out / name).write_bytes(text.encode("utf-8", "replace"))


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


STAGE = Stage("evaluate", VERSION, build=build_evaluation)
