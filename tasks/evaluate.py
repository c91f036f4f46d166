"""The evaluate stage: what the classifier is worth, on photos that nothing before it has seen."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from configs.schema import EvaluateConfig
from tasks.support import calibration, digest, metrics
from tasks.support.errors import UserError
from tasks.support.job import Job
from tasks.support.manifest import Result
from tasks.support.metrics import Answers, Floats, Ids
from tasks.support.pool import INDEX, Rows
from tasks.support.stage import Stage

if TYPE_CHECKING:
    import pandas as pd

    from tasks.support.evidence import Evidence

VERSION = 2
_BATCH_PHOTOS = 256
_DIGITS = 6
"""Decimals of what is written: more would differ between machines."""


def measure(
    answers: Answers,
    groups: NDArray[Any],
    counts: dict[str, Ids],
    names: Sequence[str],
    config: EvaluateConfig,
) -> dict[str, Any]:
    """All numbers of the test split as plain JSON: finite, or None where there is nothing to divide by.

    groups: (n,) each test photo's group of near duplicates. counts: photos of each class (classes,) in train,
    val and test. names: of the classes.
    """
    baseline = Answers.baseline(answers.truth, counts["train"])
    compared = metrics.compare(
        answers, baseline, groups, top_k=config.top_k, resamples=config.bootstrap, seed=config.seed
    )
    scores = {
        name: {
            **_plain(comparison.classifier),
            "baseline": _round(comparison.baseline),
            "difference": _plain(comparison.difference),
            "verdict": comparison.verdict,
        }
        for name, comparison in compared.items()
    }
    each, matrix = metrics.per_class(answers), metrics.confusion(answers)
    wrong = matrix * (1 - np.eye(len(names), dtype=np.int64))
    rows = [
        {
            "label": label,
            **{split: int(count[i]) for split, count in counts.items()},
            "precision": _round(each.precision[i]),
            "recall": _round(each.recall[i]),
            "f1": _round(each.f1[i]),
            "taken_for": names[int(wrong[i].argmax())] if wrong[i].any() else None,
            "taken_for_photos": int(wrong[i].max()),
        }
        for i, label in enumerate(names)
    ]
    confusions = [
        {"true": names[i], "predicted": names[j], "photos": count, "share": _round(count / matrix[i].sum())}
        for i, j, count in metrics.worst_confusions(matrix, 30)
    ]
    commonest = np.argsort(-counts["train"], kind="stable")[:5]
    return {
        "classes": len(names),
        "photos": {split: int(count.sum()) for split, count in counts.items()},
        "baseline": {"answers": [names[i] for i in commonest]},
        "test": {
            "scores": scores,
            "top_k": config.top_k,
            "resamples": config.bootstrap,
            "groups": len(np.unique(groups)),
        },
        "per_class": rows,
        "confusions": confusions,
    }


def table(
    rows: "pd.DataFrame", answers: Answers, probabilities: Floats, names: Sequence[str], top_k: int
) -> "pd.DataFrame":
    """The predictions of photos, one row each: what was answered, how surely, and the `top_k` likeliest.

    rows: columns photo, name, label, split. probabilities: (n, classes) in 0..1.
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :top_k]
    likeliest = np.take_along_axis(probabilities, order, axis=1).round(_DIGITS)
    found = rows[["photo", "name", "label", "split"]].reset_index(drop=True)
    found["predicted"] = [names[i] for i in answers.predicted]
    found["probability"] = likeliest[:, 0]
    found["rank"] = answers.rank
    found["top_names"] = [[names[i] for i in best] for best in order]
    found["top_probabilities"] = list(likeliest)
    return found


def submission(predictions: "pd.DataFrame") -> "pd.DataFrame":
    """The test photos' likeliest classes as in the whale challenge: columns Image, Id; blanks part the names.

    A blank inside a name becomes `_`, since it would part it.
    """
    test = predictions[predictions["split"] == "test"]
    answers: list[Any] = [" ".join("_".join(name.split()) for name in names) for names in test["top_names"]]
    return test[["name"]].rename(columns={"name": "Image"}).assign(Id=answers)


def build_evaluation(
    config: EvaluateConfig,
    *,
    photos: Path,
    kept: Path,
    tiles: Path,
    inputs: Path,
    classifier: Path,
    job: Job,
    encoder: Path | None = None,
) -> Result:
    """Predict the validation and test photos, measure, and write numbers, tables, figures and the report.

    Raises UserError if no photo is in the test split, or if the classifier's answers aren't numbers.
    """
    import pandas as pd

    from tasks.support import evidence

    rows = pd.read_parquet(kept / "kept.parquet")
    if not (rows["split"] == "test").any():
        raise UserError(
            "no photo is in the test split, so nothing can be measured; "
            "get more photos of each class, or raise filter.test_fraction"
        )
    labels: list[str] = json.loads((classifier / "labels.json").read_text(encoding="utf-8"))
    names = labels + sorted(set(rows["label"]) - set(labels))
    number = {name: i for i, name in enumerate(names)}
    truth = rows["label"].map(number).to_numpy(dtype=np.int64)
    counts = {
        split: np.bincount(truth[rows["split"] == split], minlength=len(names)) for split in ("train", "val", "test")
    }

    asked = np.flatnonzero(rows["split"].isin(["val", "test"]))
    logits = _predict(classifier / "classifier.keras", inputs, rows["photo"].iloc[asked], job)
    is_val, known = (rows["split"].iloc[asked] == "val").to_numpy(), truth[asked] < len(labels)
    temperature = calibration.temperature(logits[is_val & known], truth[asked][is_val & known])
    probabilities = np.zeros((len(asked), len(names)))  # a class that was never trained is never likely
    probabilities[:, : len(labels)] = metrics.softmax(logits / temperature)
    answers = Answers.of(truth[asked], probabilities)
    predictions = table(rows.iloc[asked], answers, probabilities, names, config.top_k)

    is_test = (predictions["split"] == "test").to_numpy()
    test = Answers.of(truth[asked][is_test], probabilities[is_test])
    measured = measure(test, rows["group"].iloc[asked][is_test].to_numpy(), counts, names, config)
    if not is_test.all():
        val = Answers.of(truth[asked][~is_test], probabilities[~is_test])
        scores = metrics.score(val, config.top_k)
    measured["val"] = {} if is_test.all() else {name: _round(value) for name, value in scores.items()}

    measured["calibration"] = {
        "temperature": _round(temperature),
        "photos": int((is_val & known).sum()),
        "error": _round(_calibration_error(probabilities[is_test], truth[asked][is_test])),
        "error_before": _round(_calibration_error(metrics.softmax(logits[is_test]), truth[asked][is_test])),
    }

    _write_json(job.out / "metrics.json", measured)
    predictions.to_parquet(job.out / "predictions.parquet", index=False)
    submission(predictions).to_csv(job.out / "submission.csv", index=False, lineterminator="\n")
    parents = {"photos": photos, "kept": kept, "tiles": tiles, "inputs": inputs, "classifier": classifier}
    if encoder:
        parents["encoder"] = encoder
    found = evidence.gather(
        config, parents, job.root, metrics=measured, predictions=predictions, matrix=metrics.confusion(test)
    )
    _write_report(found, job.out)

    accuracy = measured["test"]["scores"]["accuracy"]
    counted = {
        "test photos": measured["photos"]["test"],
        "accuracy": accuracy["value"],
        "accuracy from": accuracy["low"],
        "accuracy to": accuracy["high"],
        "baseline accuracy": accuracy["baseline"],
        "macro F1": measured["test"]["scores"]["macro_f1"]["value"],
        "balanced accuracy": measured["test"]["scores"]["balanced_accuracy"]["value"],
    }
    return Result(counted, digest=digest.of_value([measured, predictions.to_json(orient="values")]))


def _calibration_error(probabilities: Floats, truth: Ids) -> float:
    """That of the likeliest of probabilities `(n, classes)`."""
    return calibration.calibration_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == truth)


def _predict(model: Path, inputs: Path, photos: "pd.Series[str]", job: Job) -> NDArray[Any]:
    """Logits (n, classes) of photos, in their order."""
    import pandas as pd

    from tasks.networks.training import load

    index = pd.read_parquet(inputs / INDEX)
    rows, positions = Rows(index, job.root), {photo: place for place, photo in enumerate(index["photo"])}
    network = load(model)
    dtype = network.inputs[0].dtype
    where = [positions[photo] for photo in photos]
    logits = []
    with job.progress("photos", total=len(where)) as advance:
        for start in range(0, len(where), _BATCH_PHOTOS):
            batch = rows[where[start : start + _BATCH_PHOTOS]]
            logits.append(network.predict_on_batch(batch.astype(dtype, copy=False)))
            advance(len(batch))
    answered: NDArray[Any] = np.concatenate(logits)
    if not np.isfinite(answered).all():
        raise UserError(
            f"{model}: the classifier answers with what is no number, so its training has failed; "
            "lower train.learning_rate and train again"
        )
    return answered


def _write_report(evidence: "Evidence", out: Path) -> None:
    """Write the figures, the report and the dashboard's summary."""
    from tasks.support import canvas, report

    drawn = report.figures(evidence)
    (out / "figures").mkdir()
    for name, figure in drawn.items():
        (out / "figures" / f"{name}.png").write_bytes(canvas.png(figure))
    for name, text in (
        ("report.html", report.page(evidence, drawn)),
        ("summary.md", report.summary(evidence, drawn)),
    ):
        (out / name).write_bytes(text.encode("utf-8", "replace"))


def _plain(estimate: metrics.Estimate) -> dict[str, float | None]:
    return {"value": _round(estimate.value), "low": _round(estimate.low), "high": _round(estimate.high)}


def _round(number: float) -> float | None:
    return round(float(number), _DIGITS) if np.isfinite(number) else None


def _write_json(path: Path, value: Any) -> None:
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


STAGE = Stage("evaluate", VERSION, build=build_evaluation)
