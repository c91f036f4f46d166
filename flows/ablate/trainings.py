"""Runs the stages of an ablation: those that all arms share once, then each training."""

import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect.client.schemas.objects import State
from prefect.states import Completed

from configs.redact import redact_exception
from configs.schema import Config, Section
from flows import error_messages
from flows.ablate import cut
from flows.ablate.journal import Cost, Journal
from flows.ablate.plan import Cell, Plan
from flows.gpu_limit import STAGES as DEVICE_STAGES
from flows.pipeline import stages
from flows.run import GetOrBuild
from tasks import tables
from tasks.store import hashing
from tasks.store.context import StageContext
from tasks.store.errors import UserError
from tasks.store.json_file import read_json
from tasks.store.manifest import Artifact, Result
from tasks.store.stage import Stage
from tasks.store.store import Store
from tasks.text import score_text
from tasks.training import resumed

if TYPE_CHECKING:
    import pandas as pd

OF_ABLATION = "ablation"
"""The external input that tells results of ablations from those of runs."""
_TRAINED = frozenset({"pretrain", "train", "evaluate"})
"""The stages whose results runs of the pipeline and ablations don't share."""
Announce = Callable[[str], None]
"""Tells the user how far it is."""


@dataclass(frozen=True)
class Shared:
    """The artifacts of the crawl and the filter, which all trainings with the same filter share."""

    photos: Artifact
    kept: Artifact


@dataclass(frozen=True)
class Trained:
    """One training, and what it answers."""

    cell: Cell
    metric: str
    """Its headline metric."""
    scores: Mapping[str, float]
    """All scores of the test photos."""
    answers: "pd.DataFrame"
    """A row for each test photo, sorted by photo and label: photo, label, predicted, rank, loss and group."""
    costs: Mapping[str, Cost]
    """What each stage after the filter took when it was built, also where it is shared with other arms."""

    @property
    def seconds(self) -> float:
        """Seconds of wall clock of all its stages."""
        return sum(cost.seconds for cost in self.costs.values())

    @property
    def device_seconds(self) -> float:
        """Seconds of the stages that compute with networks, times the devices that they used."""
        return sum(cost.seconds * cost.devices for name, cost in self.costs.items() if name in DEVICE_STAGES)


class Trainings:
    """Computes the trainings of a plan."""

    def __init__(self, plan: Plan, store: Store, journal: Journal, run_stage: GetOrBuild, announce: Announce) -> None:
        self.done: dict[str, Trained] = {}
        """The finished trainings, by their titles."""
        self.failed: dict[str, str] = {}
        """Why an arm failed, by its name."""
        self._plan, self._store, self._journal, self._announce = plan, store, journal, announce
        self._run_stage = run_stage
        self._shared: dict[str, Shared] = {}
        self._cells = {cell.title: cell for cell in plan.cells}

    @property
    def titles(self) -> list[str]:
        """The names of the trainings, in order."""
        return list(self._cells)

    def prepare(self) -> None:
        """Get the photos and their splits; once for all arms with the same filter.

        Raises:
            UserError: An arm has other photos in validation or test than the first one.
        """
        for arm in self._plan.arms:
            if memory_name(arm.config) not in self._shared:
                self._shared[memory_name(arm.config)] = shared = self._prepare(arm.config)
                first = self._of(self._plan.first.config)
                if self._held_out(shared) != self._held_out(first):
                    raise UserError(
                        f"arm {arm.name!r}: {' '.join(arm.overrides)} changes the photos of validation or test, so "
                        "that nothing could be compared; set it for all arms, beside the preset"
                    )

    def train(self, title: str) -> State[Any]:
        """Compute a training, or find its artifacts in the store."""
        cell = self._cells[title]
        number = f"{self.titles.index(title) + 1} of {len(self._cells)}"
        for name in (self._plan.first.name, cell.arm.name):
            if name in self.failed:
                raise UserError(f"left out, because {name!r} has failed: {self.failed[name]}")
        self._announce(f"{number}: {title} ...")
        try:
            trained, cached = self._train(cell)
        except Exception as error:
            redact_exception(error)
            self.failed[cell.arm.name] = error_messages.explain(error, self._store.root)[0]
            self._announce(f"{number}: {title} failed: {self.failed[cell.arm.name]}")
            raise
        self.done[title] = trained
        metric = trained.metric.replace("_", " ")
        score = f"{metric} {score_text(metric, trained.scores[trained.metric])}"
        self._announce(f"{number}: {title}: {score}, {'cached' if cached else f'{trained.seconds:.0f} s'}")
        return Completed(name="Cached", message="nothing was built") if cached else Completed(message=score)

    def held_out(self) -> dict[str, int]:
        """Count the photos, groups and classes of the test, and the train photos."""
        kept = tables.filter.KEPT.read(self._store.folder(self._of(self._plan.first.config).kept))
        test = kept[kept["split"] == "test"]
        return {
            "test photos": len(test),
            "test groups": test["group"].nunique(),
            "classes": kept["label"].nunique(),
            "train photos": int((kept["split"] == "train").sum()),
        }

    def _prepare(self, config: Config) -> Shared:
        own = with_own_memory(config)
        found = {}
        for artifact in stages(own, self._run):
            found[artifact.stage] = artifact
            if artifact.stage == "filter":
                break
        return Shared(found["crawl"], found["filter"])

    def _train(self, cell: Cell) -> tuple[Trained, bool]:
        shared = self._of(cell.arm.config)
        kept = self._cut(shared, cell)
        pinned = {"crawl": shared.photos, "filter": kept}
        before = self._journal.built

        def get_or_build(stage: Stage, section: Section, **parents: Artifact) -> Artifact:
            return pinned.get(stage.name) or self._run(stage, section, **parents)

        found = {artifact.stage: artifact for artifact in stages(cell.config, get_or_build)}
        costs = {name: self._journal.cost(made) for name, made in found.items() if name not in pinned}
        folder = self._store.folder(found["evaluate"])
        measured = read_json(tables.evaluate.METRICS.path(folder), dict[str, Any])
        scores = {name: each["value"] for name, each in measured["test"]["scores"].items()}
        answers = self._answers(folder, self._store.folder(kept))
        return Trained(cell, str(measured["headline"]), scores, answers, costs), self._journal.built == before

    def _cut(self, shared: Shared, cell: Cell) -> Artifact:
        if cell.size == "all":
            return shared.kept
        kept = tables.filter.KEPT.read(self._store.folder(shared.kept), ["label", "split"])
        if kept.loc[kept["split"] == "train", "label"].value_counts().max() <= cell.size:
            return shared.kept
        section = cut.CutConfig(train_per_class=cell.size, seed=cell.seed)
        return self._run(cut.STAGE, section, photos=shared.photos, kept=shared.kept)

    def _answers(self, evaluation: Path, kept: Path) -> "pd.DataFrame":
        predictions = tables.evaluate.PREDICTIONS.read(evaluation)
        columns = ["photo", "label", "predicted", "rank", "loss"]
        test = predictions.loc[predictions["split"] == "test", columns]
        group = tables.filter.KEPT.read(kept, ["photo", "group"]).drop_duplicates("photo").set_index("photo")["group"]
        return test.assign(group=test["photo"].map(group)).sort_values(["photo", "label"], ignore_index=True)

    def _run(self, stage: Stage, section: Section, **parents: Artifact) -> Artifact:
        return self._run_stage(self._alone(stage), section, **parents)

    def _alone(self, stage: Stage) -> Stage:
        """Return a stage that is timed, writes no report, and reuses nothing that was made from other photos."""

        @functools.wraps(stage.build)  # it keeps the module, whose source is part of the manifest
        def build(*args: Any, context: StageContext, **parents: Any) -> Result:
            return self._timed(stage, *args, context=context, **parents)

        own = replace(stage, build=build, view=None, accept_stale=None)
        return replace(own, external_inputs=_marked(stage)) if stage.name in _TRAINED else own

    def _timed(self, stage: Stage, *args: Any, context: StageContext, **parents: Any) -> Result:
        if stage.name in DEVICE_STAGES:  # else the first arm would pay for the import of Keras
            import tasks.networks.hardware  # noqa: F401
        start = time.monotonic()
        with resumed.counted() as earlier_s:
            result = stage.build(*args, context=context, **parents)
        seconds = round(time.monotonic() - start + sum(earlier_s), 3)
        self._journal.measured = Cost(seconds=seconds, devices=_devices(stage, args[0]))
        return result

    def _of(self, config: Config) -> Shared:
        return self._shared[memory_name(config)]

    def _held_out(self, shared: Shared) -> list[Any]:
        kept = tables.filter.KEPT.read(self._store.folder(shared.kept), ["photo", "label", "group", "split"])
        held_out = kept[kept["split"] != "train"].sort_values(["photo", "label"])
        return [tuple(row) for row in held_out[["photo", "label", "split"]].to_numpy().tolist()]


def with_own_memory(config: Config) -> Config:
    """Return a config whose split is remembered apart from that of the model's runs, which an ablation leaves alone."""
    filter_ = config.filter.model_copy(update={"memory": memory_name(config)})
    return config.model_copy(update={"filter": filter_})


def memory_name(config: Config) -> str:
    """Return the name of an ablation's memory of splits: the same for all ablations of these photos and filters."""
    decides = [config.crawl.model_dump(mode="json"), config.filter.model_dump(mode="json", exclude={"memory"})]
    return f"ablation-{hashing.of_value(decides)[:12]}"


def _marked(stage: Stage) -> Callable[[Any, Path], Mapping[str, str | int]]:
    """Return external inputs that tell results from those of models, and of other code: arms have the same code."""

    def external_inputs(config: Any, root: Path) -> Mapping[str, str | int]:
        own = stage.external_inputs(config, root) if stage.external_inputs else {}
        return {**own, OF_ABLATION: stage.source(config)[:24]}

    return external_inputs


def _devices(stage: Stage, section: Any) -> int:
    """Count the devices that a stage has computed with: all GPUs, or as many as set, in a training, otherwise one."""
    if stage.name != "train":
        return 1
    from tasks.networks.hardware import gpu_count

    there = gpu_count()
    return max(min(section.devices or there, there), 1)
