"""Records of runs: the config, the outcome of each stage, how the run ended. One file each: `DATA/runs/<id>.json`."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any, Literal
from urllib.request import url2pathname

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from configs.load import model_name, preset_name
from configs.schema import WHOLE_PATHS, Config, StageName
from flows import mirrored
from tasks.evaluate.findings import Compared
from tasks.store.atomic import atomic_write
from tasks.store.bucket import copies
from tasks.store.bucket.connect import is_url
from tasks.store.errors import UserError
from tasks.store.manifest import Artifact, Manifest, Name, Number, now
from tasks.store.permissions import file_lock
from tasks.store.stage import Outcome
from tasks.store.store import Store

RunState = Literal["running", "done", "failed", "interrupted"]
ModelState = Literal["intact", "damaged", "gone"]
MODEL_STAGES = ("preprocess", "pretrain", "train", "evaluate")
"""The stages whose artifacts a model consists of."""


def data_root() -> Path:
    """Return the data folder: $FLUKE_DATA (~ is the home folder), or `data` below the current folder.

    The URL of a bucket stands for a local copy of it, see `flows.mirrored`.

    Raises:
        UserError: FLUKE_DATA is no folder, or the bucket can't be read.
    """
    given = os.environ.get("FLUKE_DATA") or "data"
    if given.startswith("file:///"):
        given = url2pathname(given.removeprefix("file://"))
    elif is_url(given):
        return mirrored.root_of(given)
    folder = Path(given)
    try:
        root = folder.expanduser().absolute()
        str(root).encode()  # the tables and Prefect's database store paths as UTF-8
    except RuntimeError as error:
        raise UserError(f"FLUKE_DATA={folder}: there is no such user; give the path of a folder") from error
    except UnicodeEncodeError as error:
        raise UserError(f"{root}: not valid UTF-8; set FLUKE_DATA to a folder whose path is") from error
    if os.path.lexists(root) and not root.is_dir():
        what = "a link to nothing" if root.is_symlink() and not root.exists() else "a file"
        raise UserError(f"{root} is {what}, but must be a folder; move it away, or set FLUKE_DATA to a folder")
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

    number: int = 0
    """Of two runs, the one with the higher number started later, whatever the clock said, see `tasks.store.counter`; 0:
    a run of a version without numbers. It comes first in the file, where the counter reads it."""
    id: Name
    """For people: it begins with the time of the start."""
    preset: str
    """Its name: `animals` of `animals.yaml`."""
    preset_file: str = ""
    """Absolute path of the preset's YAML file; empty if the preset was given by its name alone."""
    until: StageName
    config: dict[str, Any]
    """As it was at the time of the run; a later version of fluke may have other settings."""
    deployment: str = ""
    """The Prefect deployment that it is a run of; empty for `fluke run`."""
    started_at: AwareDatetime
    ended_at: datetime | None = None
    state: RunState = "running"
    error: str = ""
    stages: list[StageRecord] = []
    notes: list[str] = []
    """Settings that the user gave and that changed nothing, and what is not as in earlier runs."""
    drift: list[Compared] = []
    """How its new photos compare with those that the model used until then was trained on; empty if none were new."""
    name: str = ""
    """The name of its model, see `configs.load.model_name`; empty in records of earlier versions."""
    decision: str = ""
    """What was decided about its model at the end of the run, see `flows.models.registry`."""
    reason: str = ""
    """Why; one sentence."""

    @classmethod
    def start(
        cls, preset: str, until: StageName, config: Config, *, number: int = 0, preset_file: str = ""
    ) -> "RunRecord":
        """Return the record of a run that starts now; `number` is the next of the data folder's counter."""
        started_at = now()
        return cls(
            number=number,
            id=f"{started_at:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
            preset=preset,
            preset_file=preset_file,
            until=until,
            name=model_name(config, preset),
            config=config.model_dump(mode="json", context=WHOLE_PATHS),
            started_at=started_at,
        )

    @property
    def model_name(self) -> str:
        """The name under which its model is used; earlier versions had only the preset's name."""
        return self.name or preset_name(self.preset)

    @property
    def order(self) -> tuple[int, datetime, str]:
        """Sorts runs by age: by number; those without, which are older, by time."""
        return self.number, self.started_at, self.id

    @property
    def is_good(self) -> bool:
        """Whether the whole pipeline succeeded, so that the run has a model."""
        return self.state == "done" and self.until == "evaluate"

    @property
    def preset_key(self) -> str:
        """Tells presets apart: `./animals.yaml` is `animals.yaml`; files of one name in two folders are two presets."""
        return _without_suffix(self.preset_file or self.preset)

    @property
    def artifacts(self) -> list[Artifact]:
        """The artifacts of its stages, in their order."""
        return [stage.artifact for stage in self.stages]

    @property
    def model(self) -> list[Artifact]:
        """The artifacts that its model consists of; empty if the run has none."""
        return [artifact for artifact in self.artifacts if artifact.stage in MODEL_STAGES] if self.is_good else []

    def model_state(self, root: Path) -> ModelState:
        """Return whether its model is still in the store, as far as manifests and the sizes of its files tell.

        An artifact that was made later under the same key, with another content, isn't that of this run.
        """
        store = Store(root)
        state: ModelState = "intact" if self.model else "gone"
        for artifact in self.model:
            folder = store.folder(artifact)
            try:
                made = Manifest.read(folder)
                if made.artifact != artifact:
                    return "gone"
                if any(record.problem(folder / name, verify=False) for name, record in made.files.items()):
                    state = "damaged"
            except (FileNotFoundError, NotADirectoryError):
                return "gone"
            except (OSError, ValueError):
                state = "damaged"
        return state

    def is_called(self, name: str) -> bool:
        """Whether a user means this run, or its preset, by this name, ID or path of a YAML file."""
        return name in (self.id, self.preset) or self.preset_key in (
            _without_suffix(name),
            _without_suffix(str(Path(name).absolute())),
        )

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
        with file_lock(path):
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
        except FileNotFoundError:  # in a bucket, it may be a run of another machine
            return "died" if copies.of(root) is None else "running elsewhere, or died"
        except OSError:  # locked; or it can't be read, and only the record says what is known
            return "running"
        return "died"

    def _lock_file(self, root: Path) -> Path:
        return root / "locks" / f"run-{self.id}.lock"


def _without_suffix(preset: str) -> str:
    path = PurePath(os.path.normpath(preset))
    return str(path.with_suffix("") if path.suffix.lower() in (".yaml", ".yml") else path)


def read_records(root: Path) -> list[RunRecord]:
    """Read the records of all runs below a data folder, the newest first.

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
    return sorted(records, key=lambda record: record.order, reverse=True)
