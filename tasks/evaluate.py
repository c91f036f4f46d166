"""The evaluate stage: what the classifier is worth, on photos that nothing before it has seen."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from configs.schema import EvaluateConfig
from tasks.support import calibration, champion, digest, galleries, metrics, neighbours, scoring
from tasks.support.errors import UserError
from tasks.support.inference import Inference
from tasks.support.job import Job
from tasks.support.manifest import Manifest, Result
from tasks.support.metrics import Answers, Floats, Ids
from tasks.support.neighbours import References
from tasks.support.pool import INDEX, Rows
from tasks.support.predictions import SUBMITTED, submission, table
from tasks.support.stage import Stage

if TYPE_CHECKING:
    import pandas as pd

    from tasks.networks.answering import Answering
    from tasks.support.evidence import Evidence

VERSION = 3
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
    job: Job,
    encoder: Path | None = None,
) -> Result:
    """Predict the validation and test photos, measure, and write numbers, tables, figures and the report.

    Raises UserError if no photo is in the test split, if the classifier's answers aren't numbers, or if there is
    nothing to tune the answer to unknown classes on.
    """
    import pandas as pd

    from tasks.networks.answering import Answering
    from tasks.support import evidence

    asked = _Asked.read(config, kept, classifier)
    network = Answering(classifier / "classifier.keras")
    index = pd.read_parquet(inputs / INDEX).set_index("photo", drop=False)
    rows = Rows(index.loc[asked.rows["photo"]], job.root)
    seen = _see(network, rows, asked.is_held_out, job)
    answered = _answer(config, asked, seen)
    tested = answered.predictions["split"].to_numpy() == "test"
    predictions = answered.predictions[tested].assign(group=asked.groups)

    settings, known = Manifest.read(classifier).recipe.config, Manifest.read(classifier).artifact.digest
    is_frozen = settings.get("weights") is not None and not settings.get("thaw")  # then its features aren't learnt here
    nearest = _look_up(asked, seen.features if is_frozen else seen.given)
    measured = _measure(config, asked, answered, seen, nearest)
    measured["nearest_by"] = "pretrained features" if is_frozen else "codes" if encoder else "pixels"
    if beaten := champion.find(job.root, VERSION, known, predictions):
        measured["champion"] = champion.measure(beaten, predictions, config)

    _write_json(job.out / "metrics.json", measured)
    answered.predictions.to_parquet(job.out / "predictions.parquet", index=False)
    best = np.argsort(-answered.probabilities[tested], axis=1, kind="stable")[:, :SUBMITTED]
    sent = submission(predictions["name"], [[asked.names[i] for i in likeliest] for likeliest in best])
    sent.to_csv(job.out / "submission.csv", index=False, lineterminator="\n")
    answered.inference.write(job.out, answered.references)
    parents = {"photos": photos, "kept": kept, "tiles": tiles, "inputs": inputs, "classifier": classifier}
    if encoder:
        parents["encoder"] = encoder
    wrong, right = (choose(predictions, config.gallery) for choose in (galleries.mistakes, galleries.successes))
    found = evidence.gather(
        config,
        parents,
        job.root,
        metrics=measured,
        predictions=answered.predictions,
        matrix=metrics.confusion(answered.answers.only(tested)),
        heat_maps=_heat_maps(network, rows, asked, pd.concat([wrong, right])),
        neighbours=_neighbours(asked, answered.references, seen.features, wrong),
    )
    _write_report(found, job.out)
    return Result(_counts(measured), digest=digest.of_value([measured, answered.predictions.to_json(orient="values")]))


@dataclass(frozen=True)
class _Asked:
    """The kept photos, and what may be answered."""

    rows: "pd.DataFrame"
    """As in kept.parquet, n of them."""
    labels: list[str]
    """The classes that the classifier knows."""
    unknown_label: str | None
    names: list[str]
    """Of all answers and true classes."""
    truth: Ids
    """(n,) numbers of names."""

    @classmethod
    def read(cls, config: EvaluateConfig, kept: Path, classifier: Path) -> "_Asked":
        """Read them; raises UserError where nothing can be measured or tuned."""
        import pandas as pd

        rows = pd.read_parquet(kept / "kept.parquet")
        labels: list[str] = json.loads((classifier / "labels.json").read_text(encoding="utf-8"))
        if not (rows["split"] == "test").any():
            raise UserError(
                "no photo is in the test split, so nothing can be measured; "
                "get more photos of each class, or raise filter.test_fraction"
            )
        unknown_label = config.unknown_label if config.unknown == "threshold" else None
        if unknown_label in labels:
            raise UserError(
                f"evaluate.unknown_label={unknown_label}: the classifier was trained on a class of that name; "
                f"name it in filter.unseen_classes=[{unknown_label}], or choose another label"
            )
        if unknown_label and not ((rows["split"] == "val") & ~rows["label"].isin(labels)).any():
            raise UserError(
                "evaluate.unknown=threshold: no validation photo is of a class that was never trained on, so there is "
                "nothing to tune it on; raise filter.unseen_classes, or name classes there"
            )
        names = labels + ([unknown_label] if unknown_label else sorted(set(rows["label"]) - set(labels)))
        number = {name: i for i, name in enumerate(names)}
        truth = np.array([number.get(label, len(labels)) for label in rows["label"]], np.int64)
        return cls(rows, labels, unknown_label, names, truth)

    def of(self, split: str) -> NDArray[np.bool_]:
        """(n,) which photos are in a split."""
        return np.asarray(self.rows["split"] == split)

    @property
    def is_held_out(self) -> NDArray[np.bool_]:
        """(n,) which photos are in validation or test: those that are answered."""
        return ~self.of("train")

    @property
    def is_fitted_on(self) -> NDArray[np.bool_]:
        """(n,) by which photos probabilities are calibrated: those of validation whose class can be answered."""
        return self.of("val") & (self.truth < len(self.labels) + (self.unknown_label is not None))

    @property
    def groups(self) -> NDArray[Any]:
        """Groups of near duplicates of the test photos."""
        return self.rows["group"].to_numpy()[self.of("test")]

    def padded(self, probabilities: Floats) -> Floats:
        """Probabilities of the known classes as those of all: a class that was never trained on is never likely."""
        return np.pad(probabilities, ((0, 0), (0, len(self.names) - probabilities.shape[1])))


@dataclass(frozen=True)
class _Seen:
    """What the classifier makes of n photos, and what it was given."""

    logits: NDArray[np.float32]
    """(photos that are held out, classes)"""
    features: NDArray[np.float32]
    """(n, d), from just before its head."""
    given: NDArray[np.float32]
    """(n, d'), its input, coarsely: see `neighbours.descriptors`."""


def _see(network: "Answering", rows: Rows, is_held_out: NDArray[np.bool_], job: Job) -> _Seen:
    """Features of all photos; logits only of those that are held out, as there can be many classes."""
    logits, features, given = [], [], []
    with job.progress("photos", total=len(rows)) as advance:
        for start in range(0, len(rows), _BATCH_PHOTOS):
            part = slice(start, start + _BATCH_PHOTOS)
            batch = rows[part]
            scores, vectors = network(batch)
            logits.append(scores[is_held_out[part]])
            features.append(vectors)
            given.append(neighbours.descriptors(batch))
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


def _answer(config: EvaluateConfig, asked: _Asked, seen: _Seen) -> _Answered:
    learnt, held_out = asked.of("train"), asked.is_held_out
    references = References.of(seen.features[learnt], asked.truth[learnt], asked.rows["photo"].to_numpy()[learnt])
    likeness = None
    if config.infer_from != "network":
        likeness = references.likeness(seen.features[held_out], len(asked.labels))
    fitted_on = asked.is_fitted_on[held_out]
    inference = Inference.fit(
        config.infer_from,
        asked.labels,
        seen.logits[fitted_on],
        None if likeness is None else likeness[fitted_on],
        truth=asked.truth[asked.is_fitted_on],
        unknown_label=asked.unknown_label,
    )
    probabilities = asked.padded(inference.probabilities(seen.logits, likeness))
    answers = Answers.of(asked.truth[held_out], probabilities)
    predictions = table(asked.rows[held_out], answers, probabilities, asked.names, config.top_k)
    return _Answered(inference, references, probabilities, answers, predictions)


def _look_up(asked: _Asked, given: NDArray[np.float32]) -> Answers:
    """Answer the test photos without training: by the most similar train photo.

    given: (n, d), of all photos.
    """
    learnt, val, test = asked.of("train"), asked.is_fitted_on, asked.of("test")
    centred = given - given[learnt].mean(axis=0)
    known = References.of(centred[learnt], asked.truth[learnt], asked.rows["photo"].to_numpy()[learnt])
    classes = len(asked.labels)
    fitted = calibration.fit(
        known.likeness(centred[val], classes), asked.truth[val], unknown=asked.unknown_label is not None
    )
    return Answers.of(asked.truth[test], asked.padded(fitted(known.likeness(centred[test], classes))))


def _measure(
    config: EvaluateConfig, asked: _Asked, answered: _Answered, seen: _Seen, nearest: Answers
) -> dict[str, Any]:
    """All numbers, but for the champion's."""
    tested = asked.of("test")[asked.is_held_out]
    test, probabilities = answered.answers.only(tested), answered.probabilities[tested]
    counts = {
        split: np.bincount(asked.truth[asked.of(split)], minlength=len(asked.names))
        for split in ("train", "val", "test")
    }
    measured = scoring.measure(test, {"nearest": nearest}, counts, asked.names, config, groups=asked.groups)
    measured["val"] = {}
    if not tested.all():
        scores = metrics.score(answered.answers.only(~tested), config.top_k)
        measured["val"] = {name: scoring.rounded(value) for name, value in scores.items()}
    measured["calibration"] = {
        "photos": int(asked.is_fitted_on.sum()),
        "error": scoring.rounded(_calibration_error(probabilities, test.truth)),
    }
    if config.infer_from == "network":
        raw = metrics.softmax(seen.logits[tested])
        measured["calibration"] |= {
            "temperature": scoring.rounded(answered.inference.network.temperature),
            "error_before": scoring.rounded(_calibration_error(raw, test.truth)),
        }
    if asked.unknown_label:
        told = scoring.measure_unknown(test, asked.groups, config)
        measured["unknown"] = {"label": asked.unknown_label, **told}
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
    network: "Answering", rows: Rows, asked: _Asked, shown: "pd.DataFrame"
) -> dict[str, NDArray[np.float32]]:
    """What spoke for the answers to some photos, by photo; for the unknown, for the likeliest of the others."""
    known = {label: i for i, label in enumerate(asked.labels)}
    places = _places(asked, shown)
    classes = np.array([known.get(name, -1) for name in shown["predicted"]], np.int64)
    maps: dict[str, NDArray[np.float32]] = {}
    for start in range(0, len(places), _BATCH_PHOTOS):
        part = slice(start, start + _BATCH_PHOTOS)
        maps |= dict(zip(shown["photo"].iloc[part], network.heat_maps(rows[places[part]], classes[part]), strict=True))
    return maps


def _neighbours(
    asked: _Asked, references: References, features: NDArray[np.float32], shown: "pd.DataFrame"
) -> dict[str, list[tuple[str, str, float]]]:
    """Of each photo the most similar train photos: photo, class, and the cosine of their features."""
    places, cosines = references.nearest(features[_places(asked, shown)], _NEAREST)
    return {
        photo: [
            (str(references.photos[i]), asked.labels[references.classes[i]], float(cosine))
            for i, cosine in zip(near, alike, strict=True)
        ]
        for photo, near, alike in zip(shown["photo"], places, cosines, strict=True)
    }


def _places(asked: _Asked, shown: "pd.DataFrame") -> Ids:
    """Where photos are among all."""
    place = {photo: i for i, photo in enumerate(asked.rows["photo"])}
    return np.array([place[photo] for photo in shown["photo"]], np.int64)


def _calibration_error(probabilities: Floats, truth: Ids) -> float:
    """That of the likeliest of probabilities `(n, classes)`."""
    return calibration.calibration_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == truth)


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


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


STAGE = Stage("evaluate", VERSION, build=build_evaluation)
