"""Records of runs: what was asked, what each stage gave, how it ended. `DATA/runs/<id>.json`, one file each."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from configs.schema import Config, StageName
from tasks.store.atomic import atomic_write
from tasks.store.errors import UserError
from tasks.store.manifest import Artifact
from tasks.store.stage import Outcome

State = Literal["running", "done", "failed", "interrupted"]


def data_root() -> Path:
    """The folder that everything is written below: $FLUKE_DATA, or `data` where fluke was started."""
    return Path(os.environ.get("FLUKE_DATA") or "data").absolute()


class StageRecord(BaseModel):
    """What one stage gave in one run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    artifact: Artifact
    cached: bool
    why: str
    seconds: float
    counts: dict[str, int | float]


class RunRecord(BaseModel):
    """One run of the pipeline; saved after every stage."""

    model_config = ConfigDict(extra="forbid")

    id: str
    preset: str
    until: StageName
    config: dict[str, Any]
    """As it was then: a record outlives the settings that it names."""
    started_at: datetime
    ended_at: datetime | None = None
    state: State = "running"
    error: str = ""
    stages: list[StageRecord] = []

    @classmethod
    def begin(cls, preset: str, until: StageName, config: Config) -> "RunRecord":
        """Open the record of a run that starts now."""
        started_at = _now()
        number = f"{started_at:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        return cls(id=number, preset=preset, until=until, config=config.model_dump(mode="json"), started_at=started_at)

    def add(self, outcome: Outcome, seconds: float) -> None:
        """Note what a stage gave, and how long that took in this run."""
        self.stages.append(
            StageRecord(
                artifact=outcome.artifact,
                cached=outcome.cached,
                why=outcome.why,
                seconds=round(seconds, 3),
                counts=outcome.manifest.counts,
            )
        )

    def end(self, state: State, error: str = "") -> None:
        """Note how the run ended."""
        self.state, self.error, self.ended_at = state, error, _now()

    def save(self, root: Path) -> None:
        """Write the record below the data folder."""
        atomic_write(root / "runs" / f"{self.id}.json", self.model_dump_json(indent=1).encode())

    @contextmanager
    def under_way(self, root: Path) -> Iterator[None]:
        """Hold a lock while the run goes on, which the kernel releases however the process ends."""
        lock = self._lock(root)
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("ab") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        lock.unlink(missing_ok=True)

    def fate(self, root: Path) -> str:
        """Its state, or `died` if it was killed before it could say how it ended."""
        if self.state != "running":
            return self.state
        try:
            with self._lock(root).open("rb") as handle:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return "running"
        except FileNotFoundError:
            pass
        return "died"

    def _lock(self, root: Path) -> Path:
        return root / "locks" / f"run-{self.id}.lock"


def read_records(root: Path) -> list[RunRecord]:
    """Records of all runs below a data folder, the newest first; raises UserError if one can't be read."""
    records = []
    for path in (root / "runs").glob("[!.]*.json"):
        try:
            records.append(RunRecord.model_validate_json(path.read_bytes()))
        except ValidationError as error:
            raise UserError(
                f"{path} can't be read, and it says what a run needs; restore it, or delete it if that is not needed"
            ) from error
    return sorted(records, key=lambda record: (record.started_at, record.id), reverse=True)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
