"""Score a model on the labelled photos of a folder or of a CSV, and write what an evaluation writes."""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
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
from tasks.evaluate.diagnose.limited import measure_answered, measure_sets, set_rows
from tasks.evaluate.verdicts import set_verdicts
from tasks.file_names import missing_path
from tasks.inference import predictions
from tasks.inference.arrays import ScoredPredictions
from tasks.inference.calibration import calibration_error
from tasks.inference.decision import DecisionRule
from tasks.inference.limits import Limits
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
        raise UserError(missing_path(options.source))
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
        answers, errors = _answer(model, photos, threads, progress)
        left_out += [LeftOut(photos["name"][i], photos["label"][i], UNREADABLE, error) for i, error in errors.items()]
        photos = photos.drop(index=list(errors)).reset_index(drop=True)
        if photos.empty:
            raise _nothing(options.source, left_out)
        groups = photos["group"].to_numpy()
        metrics = measure(answers.table, groups, model.rule, own, config.evaluate)
        metrics |= measure_limits(answers, groups, model.limits, config.evaluate)
    described = {
        "run": record.id,
        "name": record.model_name,
        "source": str(options.source.expanduser().absolute()),
        "left_out": _counts(left_out),
        "notes": list(labelled.notes),
    }
    metrics |= {"scored": described}
    files.write(folder, metrics, answers.table, photos, left_out, sets=answers.sets, excel=options.excel)
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
        seen = set(tables.train.TRAINED_ON.read(model.classifier.parent)["photo"])
        for table in (tables.filter.KEPT, tables.filter.REJECTED):
            try:
                rows = table.read(folders["filter"], ["photo", "split"])
            except (KeyError, OSError):
                continue
            seen |= set(rows.loc[rows["split"].isin(["train", "val"]), "photo"])
        measured = read_json(tables.evaluate.METRICS.path(folders["evaluate"]), dict[str, Any])
        trained = {str(row["label"]): int(row["train"]) for row in measured["per_class"]}
        return cls(frozenset(seen), str(measured["headline"]), trained, measured["test"]["scores"])


@dataclass(frozen=True)
class Answers:
    """The answers to the n readable photos."""

    table: "pd.DataFrame"
    """The columns of predictions.parquet."""
    unsure: NDArray[np.bool_] | None
    """(n,) which are unsure; None if the model has no threshold."""
    possible: NDArray[np.bool_] | None
    """(n, answers) the possible classes; None if the model has no limit for them."""
    sets: list[dict[str, Any]]
    """The rows of prediction_sets.parquet; empty without such a limit."""


def _answer(
    model: Model, photos: "pd.DataFrame", threads: Executor, progress: Progress
) -> tuple[Answers, dict[int, str]]:
    """Predict photos: the answers, and what is wrong with those that can't be read, by row."""
    import pandas as pd

    from tasks.inference.predictor import Predictor

    names = model.rule.names
    number = {name: i for i, name in enumerate(names)}
    truth = np.array([number[label] for label in photos["label"]], np.int64)
    rows = photos[["photo", "name"]].assign(split="test")
    predictor = Predictor(model.classifier, model.encoder, model.references, model.rule, len(photos))
    parts: list[pd.DataFrame] = []
    unsure, possible = [], []
    sets: list[dict[str, Any]] = []
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
                unsure.append(model.limits.unsure(probabilities))
                possible.append(chosen := model.limits.possible(probabilities))
                if chosen is not None:
                    sets += set_rows(rows["photo"].iloc[where], probabilities, chosen, truth[where], names)
            done += len(images)
            advance(len(images))
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return Answers(table, _joined(unsure), _joined(possible), sets), problems


def _joined(parts: Sequence[NDArray[np.bool_] | None]) -> NDArray[np.bool_] | None:
    """Join the parts of an array; None if there are none."""
    there = [part for part in parts if part is not None]
    return np.concatenate(there) if there else None


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


def measure_limits(answers: Answers, groups: NDArray[Any], limits: Limits, config: EvaluateConfig) -> dict[str, Any]:
    """Measure what the model's limits give on these photos, as diagnostics.json does on test photos.

    Args:
        answers: The answers to n photos.
        groups: (n,) the group of each photo.
        limits: Those of the model.
        config: The number of resamples and their seed.

    Returns:
        `abstaining` and `sets`, each only if the model has such a limit.
    """
    found: dict[str, Any] = {}
    names = answers.table
    right = (names["predicted"] == names["label"]).to_numpy()
    if answers.unsure is not None and limits.abstain:
        found["abstaining"] = asdict(limits.abstain) | measure_answered(~answers.unsure, right, groups, config)
    if answers.possible is not None and limits.sets:
        contains = np.array([row["has_true_class"] for row in answers.sets])
        found["sets"] = asdict(limits.sets) | measure_sets(answers.possible, contains, groups, config)
    return found


def _counts(left_out: Sequence[LeftOut]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for each in left_out:
        counts[each.reason] = counts.get(each.reason, 0) + 1
    return counts


def _nothing(source: Path, left_out: Sequence[LeftOut]) -> UserError:
    why = "; ".join(reasons(left_out)) or "it has no photos"
    return UserError(f"{source}: none of its photos can be scored: {why}")
