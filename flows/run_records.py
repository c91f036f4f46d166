"""Records of runs: the config, the outcome of each stage, how the run ended. One file each: `DATA/runs/<id>.json`."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from configs.schema import Config, StageName
from tasks.store.atomic import atomic_write
from tasks.store.errors import UserError
from tasks.store.manifest import Artifact, Name, Number, now
from tasks.store.stage import Outcome

RunState = Literal["running", "done", "failed", "interrupted"]


def data_root() -> Path:
    """Return the data folder: $FLUKE_DATA (~ is the home folder), or `data` below the current folder."""
    folder = Path(os.environ.get("FLUKE_DATA") or "data")
    try:
        root = folder.expanduser().absolute()
        str(root).encode()  # the tables and Prefect's database store paths as UTF-8
    except RuntimeError as error:
        raise UserError(f"FLUKE_DATA={folder}: there is no such user; give the path of a folder") from error
    except UnicodeEncodeError as error:
        raise UserError(f"{root}: not valid UTF-8; set FLUKE_DATA to a folder whose path is") from error
    return root


class StageRecord(BaseModel):
    """The outcome of one stage in one run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    artifact: Artifact
    cached: bool
    why: str
    seconds: float
    counts: dict[str, Number]


class RunRecord(BaseModel):
    """One run of the pipeline; saved after every stage."""

    model_config = ConfigDict(extra="forbid")

    id: Name
    preset: str
    until: StageName
    config: dict[str, Any]
    """As it was at the time of the run; a later version of fluke may have other settings."""
    started_at: AwareDatetime
    ended_at: datetime | None = None
    state: RunState = "running"
    error: str = ""
    stages: list[StageRecord] = []
    notes: list[str] = []
    """Settings that the user gave and that changed nothing."""

    @classmethod
    def start(cls, preset: str, until: StageName, config: Config) -> "RunRecord":
        """Return the record of a run that starts now."""
        started_at = now()
        run_id = f"{started_at:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        return cls(id=run_id, preset=preset, until=until, config=config.model_dump(mode="json"), started_at=started_at)

    def add(self, outcome: Outcome, seconds: float) -> None:
        """Add the outcome of a stage, and the seconds that it took in this run."""
        self.stages.append(
            StageRecord(
                artifact=outcome.artifact,
                cached=outcome.cached,
                why=outcome.why,
                seconds=round(seconds, 3),
                counts=outcome.manifest.counts,
            )
        )

    def end(self, state: RunState, error: str = "") -> None:
        """Set how the run ended."""
        self.state, self.error, self.ended_at = state, error, now()

    def save(self, root: Path) -> None:
        """Write the record below the data folder."""
        atomic_write(root / "runs" / f"{self.id}.json", self.model_dump_json(indent=1).encode())

    @contextmanager
    def lock(self, root: Path) -> Iterator[None]:
        """Lock the run's lock file while the run lasts; the kernel releases it however the process ends."""
        path = self._lock_file(root)
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path):
            yield
        path.unlink(missing_ok=True)

    def current_state(self, root: Path) -> str:
        """Return the run's state, or `died` if its process was killed before it could save how the run ended.

        The lock file is opened for reading only, because the data folder may be read-only.
        """
        if self.state != "running":
            return self.state
        try:
            with self._lock_file(root).open("rb") as handle:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return "died"
        except OSError:  # locked; or it can't be read, and only the record says what is known
            return "running"
        return "died"

    def _lock_file(self, root: Path) -> Path:
        return root / "locks" / f"run-{self.id}.lock"


def read_records(root: Path) -> list[RunRecord]:
    """Read the records of all runs below a data folder, newest first.

    Raises:
        UserError: A record can't be read.
    """
    records = []
    for path in (root / "runs").glob("[!.]*.json"):
        try:
            records.append(RunRecord.model_validate_json(path.read_bytes()))
        except ValidationError as error:
            raise UserError(
                f"{path} can't be read, and it lists the artifacts that its run needs; restore the file, or delete it "
                "if those artifacts are not needed"
            ) from error
    return sorted(records, key=lambda record: (record.started_at, record.id), reverse=True)


def find_run(root: Path, name: str | None = None) -> RunRecord:
    """Return the record of the last successful run of the whole pipeline.

    Args:
        root: The data folder.
        name: The ID of a run, or a preset (its last successful run); None: of any preset.

    Raises:
        UserError: There is no such run.
    """
    successful = [run for run in read_records(root) if run.state == "done" and run.until == "evaluate"]
    matching = [run for run in successful if name in (None, run.id, run.preset)]
    if not matching:
        known = ", ".join(dict.fromkeys(run.preset for run in successful))
        problem = f"no successful run or preset is called {name!r}; presets: {known}" if known else "no successful run"
        raise UserError(f"{root}: {problem}; `fluke run PRESET` trains a model")
    return matching[0]
