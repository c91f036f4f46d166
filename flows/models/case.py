"""What a decision about a model is made from: a run's model, the challenger, and the model in use, the champion."""

from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from configs.schema import Config
from flows.models.gate import Ruling
from flows.models.registry import Registry
from flows.models.waiting import Admission
from flows.run_records import RunRecord, read_records
from tasks import tables
from tasks.store.json_file import read_json
from tasks.store.progress import Progress
from tasks.store.store import Store

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Judged:
    """A ruling, and what the registry stores with it."""

    outcome: Literal["promoted", "refused", "undecided", "unchanged"]
    reason: str
    compared: dict[str, Any]
    admission: Admission | None = None
    """Which new test photos join the list, unless the outcome is refused; None: the models weren't compared."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One run's model, the challenger, and the model in use, the champion."""

    store: Store
    record: RunRecord
    config: Config
    registry: Registry
    champion_id: str | None
    threads: Executor
    progress: Progress

    @cached_property
    def records(self) -> list[RunRecord]:
        """The records of all runs, the newest first."""
        return read_records(self.store.root)

    @cached_property
    def champion(self) -> RunRecord | None:
        """The record of the champion's run; None if there is none."""
        return self.record_of(self.champion_id)

    @cached_property
    def measured(self) -> dict[str, Any]:
        """The content of the challenger's metrics.json."""
        return read_json(tables.evaluate.METRICS.path(self.folder("evaluate")), dict[str, Any])

    @cached_property
    def kept(self) -> "pd.DataFrame":
        """The photos that the challenger's filter kept."""
        return tables.filter.KEPT.read(self.folder("filter"))

    def record_of(self, run: str | None) -> RunRecord | None:
        """Return the record of a run; None if there is none."""
        return next((each for each in self.records if each.id == run), None)

    def folder(self, stage: str) -> Path:
        """Return the folder of the challenger's artifact of a stage."""
        return next(self.store.folder(each.artifact) for each in self.record.stages if each.artifact.stage == stage)

    def undecided(self, reason: str, compared: dict[str, Any]) -> Judged:
        """Leave the decision open for a reason; `promote.undecided` says what that means."""
        return self.judged(Ruling("undecided", reason), compared)

    def judged(self, ruling: Ruling, compared: dict[str, Any]) -> Judged:
        """Make a ruling final, with what the registry stores of it."""
        if ruling.outcome == "undecided" and self.config.promote.undecided == "promote":
            return Judged("promoted", f"{ruling.reason}, and promote.undecided=promote", compared)
        return Judged(ruling.outcome, ruling.reason, compared)
