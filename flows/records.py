"""Records of runs: what was asked, what each stage gave, how it ended. `DATA/runs/<id>.json`, one file each."""

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from configs.schema import Config, StageName
from tasks.support.files import write_whole
from tasks.support.manifest import Artifact
from tasks.support.stage import Outcome

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
    config: Config
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
        return cls(id=number, preset=preset, until=until, config=config, started_at=started_at)

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
        write_whole(root / "runs" / f"{self.id}.json", self.model_dump_json(indent=1).encode())


def read_records(root: Path) -> list[RunRecord]:
    """Records of all runs below a data folder, the newest first; one that can't be read is passed over."""
    records = []
    for path in (root / "runs").glob("[!.]*.json"):
        try:
            records.append(RunRecord.model_validate_json(path.read_bytes()))
        except ValidationError:
            continue
    return sorted(records, key=lambda record: (record.started_at, record.id), reverse=True)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
