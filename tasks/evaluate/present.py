"""The view of an evaluation: make the explanations and the report, each only if it is missing or outdated."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from configs.schema import EvaluateConfig
from tasks import tables
from tasks.evaluate.model import Model
from tasks.evaluate.to_review import DOUBTED, TO_REVIEW, doubted_labels, label_note, review_note
from tasks.evaluate.view_record import ViewRecord, report_inputs
from tasks.store import hashing
from tasks.store.atomic import atomic_write
from tasks.store.context import StageContext
from tasks.store.manifest import ManifestHead

_EXPLAINED_WITH = frozenset({"gallery", "layer_images"})
_DIAGNOSED_WITH = frozenset({"abstain", "set_coverage", "robustness"})
VIEW_SETTINGS = _EXPLAINED_WITH | _DIAGNOSED_WITH | {"label_issues"}
"""Settings that only change the view. A new value of one of them doesn't evaluate again."""


def present(
    config: EvaluateConfig,
    evaluation: Path,
    *,
    photos: Path,
    kept: Path,
    tiles: Path,
    encoder: Path,
    features: Path,
    classifier: Path,
    context: StageContext,
) -> None:
    """Write the explanations, the diagnostics and the report of an evaluation, if missing, damaged or outdated.

    Explanations need the network: they are made again for other settings, and after a change of their code, and so are
    the diagnostics. The report needs only files: it is written again after new explanations or diagnostics, and after a
    change of its code or text.

    Args:
        config: The section of the evaluate stage.
        evaluation: The folder of the evaluation.
        photos: The folder of the crawl stage.
        kept: The folder of the filter stage.
        tiles: The folder of the preprocess stage.
        encoder: The folder of the pretrain stage.
        features: The folder of the extract stage.
        classifier: The folder of the train stage.
        context: Contains the data folder, and whether to verify files.
    """
    settings = config.model_dump(include={*_EXPLAINED_WITH, "seed"})
    made_from = settings | {"source": hashing.of_source("tasks.evaluate.explain")}
    model = Model(tiles=tiles, encoder=encoder, features=features, classifier=classifier, root=context.root)
    record = ViewRecord.read(tables.evaluate.EXPLAINED.path(evaluation))
    if record is None or not record.is_valid(evaluation, made_from, verify=context.verify):
        from tasks.evaluate.explain import explain

        tables.evaluate.EXPLAINED.path(evaluation).unlink(missing_ok=True)
        files = explain(config, evaluation, kept=kept, model=model)
        ViewRecord.of(evaluation, files, made_from).write(tables.evaluate.EXPLAINED.path(evaluation))
    settings = config.model_dump(include={*_DIAGNOSED_WITH, "seed"})
    made_from = settings | {"source": hashing.of_source("tasks.evaluate.diagnose.diagnose")}
    record = ViewRecord.read(tables.evaluate.DIAGNOSED.path(evaluation))
    if record is None or not record.is_valid(evaluation, made_from, verify=context.verify):
        from tasks.evaluate.diagnose.diagnose import diagnose

        tables.evaluate.DIAGNOSED.path(evaluation).unlink(missing_ok=True)
        files = diagnose(config, evaluation, photos=photos, kept=kept, model=model, progress=context.progress)
        ViewRecord.of(evaluation, files, made_from).write(tables.evaluate.DIAGNOSED.path(evaluation))
    folders = [photos, kept, tiles, encoder, features, classifier, evaluation]
    doubted = doubted_labels(kept, classifier, config.label_issues)
    to_review = {TO_REVIEW: [*filter(None, (review_note(kept), label_note(len(doubted))))], DOUBTED: doubted}
    _write_notes(evaluation, folders, context.notes, {**to_review, **context.findings})
    report = ViewRecord.read(tables.evaluate.REPORTED.path(evaluation))
    if report is None or not report.is_valid(evaluation, report_inputs(evaluation), verify=context.verify):
        from tasks.evaluate.report.write import write_report

        write_report(evaluation, context.root)


def _write_notes(
    evaluation: Path, folders: Iterable[Path], about_settings: Sequence[str], more: Mapping[str, Sequence[Any]]
) -> None:
    """Write the notes of the run and of all its stages, what to review and what was found, if that has changed.

    They are read from the artifacts of this run: a crawl that now leaves out more files may still give the same photos,
    so the evaluation in the store may come from an earlier crawl.
    """
    manifests = {folder: ManifestHead.read(folder) for folder in folders}
    notes = {"settings": list(about_settings)} if about_settings else {}
    notes |= {manifest.artifact.stage: list(manifest.notes) for manifest in manifests.values() if manifest.notes}
    notes |= {key: list(values) for key, values in more.items() if values}
    data = json.dumps(notes, ensure_ascii=False, indent=1).encode()
    path = tables.evaluate.NOTES.path(evaluation)
    if not path.exists() or path.read_bytes() != data:
        atomic_write(path, data)
