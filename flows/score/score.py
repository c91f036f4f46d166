"""Score a model on the labelled photos of a folder or of a CSV, and write what an evaluation writes."""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from configs.schema import EvaluateConfig
from flows import preflight
from flows.check.source import config_of
from flows.models.find import find_run
from flows.predict.batches import decoded_batches
from flows.predict.model import Model, of_run
from flows.run_records import RunRecord
from flows.score import files
from flows.score.photos import UNREADABLE, LeftOut, find_photos
from flows.score.text import reasons
from tasks import tables
from tasks.evaluate import summary
from tasks.evaluate.verdicts import set_verdicts
from tasks.inference import predictions
from tasks.inference.arrays import ScoredPredictions
from tasks.inference.calibration import calibration_error
from tasks.inference.decision import DecisionRule
from tasks.store.context import executor
from tasks.store.errors import UserError
from tasks.store.json_file import read_json
from tasks.store.progress import Progress
from tasks.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("fluke.score")

_RANKS = 5
"""Classes of each photo in the table of predictions."""


@dataclass(frozen=True)
class ScoreOptions:
    """What to score, with which model, and where the results go."""

    source: Path
    """A folder with one sub-folder per class, or a CSV of photos and classes."""
    model: str | None = None
    """A name of models, or a run, see `flows.models.find.find_run`; None: the only name."""
    settings: Sequence[str] = ()
    """Settings that say how to read the source, such as `crawl.columns.label=species`."""
    excel: bool = False
    """Whether CSVs begin with a byte order mark, which Excel needs for UTF-8."""
    out: Path | None = None
    """A new or empty folder, or one with earlier scores; None: one in the data folder."""


@dataclass(frozen=True)
class Scored:
    """The scores of a model on the photos of a source."""

    record: RunRecord
    """The run of the model."""
    metrics: Mapping[str, Any]
    """What metrics.json has."""
    left_out: Sequence[LeftOut]
    """Photos that are not scored."""
    folder: Path
    """Where everything is written."""


def score_to(root: Path, options: ScoreOptions, *, progress: Progress, announce: Callable[[str], None]) -> Scored:
    """Find the model and the photos, predict them, score the predictions, and write the results into a folder.

    Args:
        root: The data folder.
        options: What to score, and where to write.
        progress: Reports how many photos are read and predicted.
        announce: Receives one line before the photos are predicted: how many, and by which model.

    Raises:
        UserError: There is no such model, the source can't be used, or none of its photos can be scored.
    """
    if not options.source.expanduser().exists():
        raise UserError(f"{options.source}: no such file or folder")
    config = config_of(options.source, options.settings)
    preflight.check_photo_folder(config, root)
    record = find_run(root, options.model)
    store = Store(root)
    model = of_run(store, record)
    folder = options.out or files.default_folder(root, options.source, record.id)
    files.check("--out" if options.out else "scores:", folder)
    with preflight.in_use(root), executor(0) as threads:
        own = Own.read(store, record, model)
        labelled = find_photos(
            config,
            model.rule.labels,
            own.seen,
            unknown_label=model.rule.unknown_label,
            threads=threads,
            progress=progress,
        )
        for note in labelled.notes:
            logger.warning("%s", note)
        photos = labelled.photos
        left_out = [*labelled.left_out]
        if photos.empty:
            raise _nothing(options.source, left_out)
        announce(f"{len(photos):,} {'photo' if len(photos) == 1 else 'photos'}, model of run {record.id} ...")
        answered, errors = _answer(model, photos, threads, progress)
        left_out += [LeftOut(photos["name"][i], photos["label"][i], UNREADABLE, error) for i, error in errors.items()]
        photos = photos.drop(index=list(errors)).reset_index(drop=True)
        if photos.empty:
            raise _nothing(options.source, left_out)
        metrics = measure(answered, photos["group"].to_numpy(), model.rule, own, config.evaluate)
    described = {
        "run": record.id,
        "name": record.model_name,
        "source": str(options.source.expanduser().absolute()),
        "left_out": _counts(left_out),
        "notes": list(labelled.notes),
    }
    metrics |= {"scored": described}
    files.write(folder, metrics, answered, photos, left_out, excel=options.excel)
    return Scored(record, metrics, left_out, folder)


@dataclass(frozen=True)
class Own:
    """What a model's own run says about it."""

    seen: frozenset[str]
    """SHA-256 of the photos that it was trained on, or chosen and calibrated by."""
    headline: str
    """Its headline metric."""
    trained: Mapping[str, int]
    """Train photos by class."""
    scores: Mapping[str, Any]
    """The scores of its own test, as in metrics.json."""

    @classmethod
    def read(cls, store: Store, record: RunRecord, model: Model) -> "Own":
        """Read the files of a run; those of the filter may have been pruned."""
        folders = {each.artifact.stage: store.folder(each.artifact) for each in record.stages}
        seen = set(tables.TRAINED_ON.read(model.classifier.parent)["photo"])
        for table in (tables.KEPT, tables.REJECTED):
            try:
                rows = table.read(folders["filter"], ["photo", "split"])
            except (KeyError, OSError):
                continue
            seen |= set(rows.loc[rows["split"].isin(["train", "val"]), "photo"])
        measured = read_json(tables.METRICS.path(folders["evaluate"]), dict[str, Any])
        trained = {str(row["label"]): int(row["train"]) for row in measured["per_class"]}
        return cls(frozenset(seen), str(measured["headline"]), trained, measured["test"]["scores"])


def _answer(
    model: Model, photos: "pd.DataFrame", threads: Executor, progress: Progress
) -> tuple["pd.DataFrame", dict[int, str]]:
    """Predict photos: the columns of predictions.parquet, and what is wrong with those that can't be read, by row."""
    import pandas as pd

    from tasks.inference.predictor import Predictor

    names = model.rule.names
    number = {name: i for i, name in enumerate(names)}
    truth = np.array([number[label] for label in photos["label"]], np.int64)
    rows = photos[["photo", "name"]].assign(split="test")
    predictor = Predictor(model.classifier, model.encoder, model.references, model.rule, len(photos))
    parts: list[pd.DataFrame] = []
    problems: dict[int, str] = {}
    done = 0
    with progress("photos", total=len(photos)) as advance:
        named = list(zip(photos["name"], photos["path"], strict=True))
        for images, tiles, errors in decoded_batches(model.preprocess, named, threads):
            where = done + np.array([i for i, error in enumerate(errors) if not error], np.int64)
            problems |= {done + i: error for i, error in enumerate(errors) if error}
            if tiles:
                probabilities = predictor.probabilities(predictor.inputs(np.stack(tiles)))
                scored = ScoredPredictions.of(truth[where], probabilities)
                parts.append(predictions.table(rows.iloc[where], scored, probabilities, names, _RANKS))
            done += len(images)
            advance(len(images))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(), problems


def measure(
    answered: "pd.DataFrame", groups: NDArray[Any], rule: DecisionRule, own: Own, config: EvaluateConfig
) -> dict[str, Any]:
    """Compute what metrics.json has: all scores with their 95 % intervals over groups, and the majority class.

    Args:
        answered: The columns of predictions.parquet, n rows.
        groups: (n,) the group of each photo.
        rule: How the model answers.
        own: What its own run says.
        config: The number of resamples and their seed.
    """
    names = rule.names
    scored = predictions.scored_predictions(answered, answered["label"].tolist(), names)
    counts = {
        "train": np.array([own.trained.get(name, 0) for name in names], np.int64),
        "test": np.bincount(scored.truth, minlength=len(names)),
    }
    majority = ScoredPredictions.majority_class(scored.truth, counts["train"])
    measured = summary.summarize(scored, {"commonest": majority}, counts, names, config, groups=groups)
    right = scored.predicted == scored.truth
    measured["headline"] = own.headline
    measured["calibration"] = {
        "photos": len(answered),
        "error": summary.rounded(calibration_error(answered["probability"].to_numpy(), right)),
    }
    measured["own_test"] = {
        name: {key: score[key] for key in ("value", "low", "high")} for name, score in own.scores.items()
    }
    if rule.unknown_label:
        measured["unknown"] = {"label": rule.unknown_label, **summary.summarize_unknown(scored, groups, config)}
    set_verdicts(measured)
    return measured


def _counts(left_out: Sequence[LeftOut]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for each in left_out:
        counts[each.reason] = counts.get(each.reason, 0) + 1
    return counts


def _nothing(source: Path, left_out: Sequence[LeftOut]) -> UserError:
    why = "; ".join(reasons(left_out)) or "it has no photos"
    return UserError(f"{source}: none of its photos can be scored: {why}")
