"""What prune keeps: models of each preset, those that are used or named, and everything that they were made from."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel

from configs import presets
from configs.schema import STAGE_NAMES, StageName
from flows import model_names
from flows.ablate import journal
from flows.models import find, test_list
from flows.models.registry import Registry
from flows.run_records import RunRecord, read_records
from tasks import tables
from tasks.store.json_file import read_json
from tasks.store.manifest import Artifact, Manifest
from tasks.store.store import Store


class _Compared(BaseModel):
    key: str


class _Measured(BaseModel):
    """The part of metrics.json that is read here."""

    champion: _Compared | None = None


@dataclass
class Needed:
    """The runs that are kept, and what they need on the disk."""

    runs: dict[str, list[RunRecord]] = field(default_factory=dict)
    """The kept runs by the reason, the newest first."""
    folders: set[Path] = field(default_factory=set)
    """Folders of their artifacts and of all artifacts that those were made from, also damaged ones."""
    files: set[Path] = field(default_factory=set)
    """Shards and photos that those artifacts refer to, and the photos of test lists."""
    damaged: set[str] = field(default_factory=set)
    """Stages of kept artifacts whose manifest is damaged, so that nobody knows which shards or photos they need."""
    ablations: list[str] = field(default_factory=list)
    """Ablations that aren't finished."""
    under_way: set[str] = field(default_factory=set)
    """Stages in which the newest run of a preset has stopped, so that it can continue with the shards that it made."""

    def text(self) -> str:
        """Say on one line which runs are kept, and why."""
        parts = []
        for reason, records in self.runs.items():
            of = [_label(reason, record) for record in records]
            counted = {preset: of.count(preset) for preset in of}
            shown = ", ".join(preset + (f" ({count})" if count > 1 else "") for preset, count in counted.items())
            parts.append(f"{reason} {shown}")
        parts += [f"all shards of {stage}: a kept artifact has a damaged manifest" for stage in sorted(self.damaged)]
        parts += [f"the unfinished ablation {name}" for name in self.ablations]
        parts += [f"unfinished work of {stage}" for stage in sorted(self.under_way)]
        return f"kept: {'; '.join(parts)}" if parts else "kept: nothing, since no run has a model or artifacts"


_NEWEST_GOOD, _EARLIER_GOOD, _NEWEST = "the newest good run of", "earlier good runs of", "the newest run of"
_OF_PRESET = {_NEWEST_GOOD, _EARLIER_GOOD, _NEWEST}
_USED = "the models that are used:"


def _label(reason: str, record: RunRecord) -> str:
    """Name a kept run: by its preset, by the name of its models, or by its ID."""
    if reason in _OF_PRESET:
        return record.preset
    return f"{record.model_name} (run {record.id})" if reason == _USED else record.id


def find_needed(store: Store, keep_runs: int) -> Needed:
    """Find what must be kept.

    Kept are, of each preset and name, the `keep_runs` newest good runs that still have their model, but at least one,
    and the newest run of all, so that it can continue if it failed; of each name, the run whose model is used, and the
    one that a rollback would go to; the runs that people have named; the champions with which the evaluations of all
    these runs compare; and what ablations that aren't finished have made. A run is good if its whole pipeline
    succeeded. Which run is newer, their numbers say.

    Args:
        store: The store.
        keep_runs: How many good runs of each preset to keep.

    Raises:
        UserError: The record of a run, the history of a name, a test list or the file with the names is damaged.
    """
    records = read_records(store.root)
    needed = Needed(files=test_list.files(store.root))
    for reason, run in _kept_runs(store, records, keep_runs):
        needed.runs.setdefault(reason, []).append(run)
        _add(store, needed, [stage.artifact for stage in run.stages])
        stopped_in = _stopped_in(run) if reason == _NEWEST else None
        if stopped_in:
            needed.under_way.add(stopped_in)
    kept = [run for runs in needed.runs.values() for run in runs]
    for evaluation in _compared_champions(store, kept):
        same = [run for run in records if evaluation.key in (artifact.key for artifact in run.model)]
        if same and all(run not in kept for run in same):
            needed.runs.setdefault("the champion that it was compared with, run", []).append(same[0])
        _add(store, needed, [evaluation, *(stage.artifact for run in same[:1] for stage in run.stages)])
    for each in journal.under_way(store.root):  # what a finished one has found is in its own folder
        needed.ablations.append(each.id)
        needed.under_way.add("train")
        _add(store, needed, each.artifacts)
    return needed


def _kept_runs(store: Store, records: list[RunRecord], keep_runs: int) -> Iterator[tuple[str, RunRecord]]:
    """Yield the runs that are kept for their own sake, each once or more, with the reason."""
    for runs in _by_preset(records):
        intact = 0
        for run in runs:
            state = run.model_state(store.root) if intact < max(keep_runs, 1) else "gone"
            if state != "gone":  # a damaged model doesn't count, but it may be all that there is
                yield (_EARLIER_GOOD if intact else _NEWEST_GOOD), run
                intact += state == "intact"
            elif run is runs[0]:
                yield _NEWEST, run
    names = model_names.of_runs(store.root)
    for run in records:
        if run.id in names:
            yield f"named {', '.join(names[run.id])}: run", run
    yield from _used_runs(store, records)


def _used_runs(store: Store, records: list[RunRecord]) -> Iterator[tuple[str, RunRecord]]:
    """Yield the champion's run of each name, and the one that a rollback would go to."""
    by_id = {run.id: run for run in records}
    for name in find.names(store.root):
        champion = Registry(store.root, name).champion()
        if champion in by_id:
            yield _USED, by_id[champion]
        if before := find.before_champion(store.root, name):
            yield f"before it, for `fluke rollback {shlex.quote(name)}`: run", before


def _by_preset(records: list[RunRecord]) -> Iterator[list[RunRecord]]:
    """Yield the runs of each preset and name, the newest first.

    Runs of earlier versions don't say which file their preset is in; they are those of the only file of that name.
    """
    files: dict[str, set[str]] = {}
    for record in records:
        if record.preset_file:
            files.setdefault(record.preset, set()).add(record.preset_key)
    found: dict[tuple[str, str], list[RunRecord]] = {}
    for record in records:
        same = files.get(record.preset, set())
        is_in_it = not record.preset_file and len(same) == 1 and record.preset not in presets.names()
        key = min(same) if is_in_it else record.preset_key
        found.setdefault((key, record.model_name), []).append(record)
    yield from found.values()


def _stopped_in(run: RunRecord) -> StageName | None:
    """Return the stage in which a run has stopped, or in which it is now; None if it is done."""
    if run.state == "done":
        return None
    recorded = {stage.artifact.stage for stage in run.stages}
    done = max((number for number, stage in enumerate(STAGE_NAMES, 1) if stage in recorded), default=0)
    return STAGE_NAMES[done] if done < len(STAGE_NAMES) else None


def _compared_champions(store: Store, runs: list[RunRecord]) -> list[Artifact]:
    """Return the evaluations of the champions with which the evaluations of these runs compare.

    If one of them can't be read, these are all evaluations: any may be the one that it compares with.
    """
    evaluations = {manifest.artifact.key: manifest.artifact for manifest in store.manifests("evaluate")}
    compared = {each.key: each for run in runs for each in run.model if each.stage == "evaluate"}
    found: dict[str, Artifact] = {}
    for artifact in compared.values():
        try:
            measured = read_json(tables.evaluate.METRICS.path(store.folder(artifact)), _Measured)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError):
            return list(evaluations.values())
        if measured.champion and measured.champion.key in evaluations:
            found[measured.champion.key] = evaluations[measured.champion.key]
    return list(found.values())


def _add(store: Store, needed: Needed, artifacts: list[Artifact]) -> None:
    """Add artifacts, all artifacts that they were made from, and the files that these refer to."""
    todo = list(artifacts)
    while todo:
        artifact = todo.pop()
        folder = store.folder(artifact)
        if folder in needed.folders or not folder.is_dir():
            continue
        needed.folders.add(folder)
        try:
            manifest = Manifest.read(folder)
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            needed.damaged.add(artifact.stage)
            continue
        needed.files.update(store.root / name for name in manifest.refs)
        todo += manifest.cache_key.parents.values()
