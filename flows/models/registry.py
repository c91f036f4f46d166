"""The registry: under each name, which run's model is used (the champion), and all decisions about models.

    DATA/models/<folder name>/<number>.json    one decision; never changed, never deleted

The decisions of a name are its history, in the order of their numbers, which come from the data folder's counter: no
clock decides which of two is later. The champion isn't stored anywhere: it follows from the history.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

from filelock import FileLock
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from flows.run_records import read_records
from tasks.filter.split_memory import folder_name
from tasks.names import nfc
from tasks.store import counter
from tasks.store.atomic import atomic_write
from tasks.store.errors import UserError
from tasks.store.manifest import Name, first_problem, now, read_regular
from tasks.store.permissions import file_lock

FOLDER = "models"
Choice = Literal["promoted", "refused", "undecided", "kept", "rolled back", "retired", "unchanged"]
_FILE = re.compile(r"([1-9][0-9]{0,29})\.json")


class Headline(BaseModel):
    """A model's most important metric on its test photos, with its 95 % interval."""

    model_config = ConfigDict(frozen=True)

    metric: str
    value: float
    low: float
    high: float


class Decision(BaseModel):
    """What was decided about the model of one run."""

    model_config = ConfigDict(frozen=True)

    number: int = Field(0, ge=0)
    """`Registry.append` sets it. It comes first in the file, where the counter reads it."""
    name: str = ""
    """The name of the models; `Registry.append` sets it."""
    run: Name | Literal[""]
    """The ID of the run; empty: all models of this name (retired)."""
    outcome: Choice
    """promoted: it is the champion from now on. refused, undecided, kept, unchanged: the champion stays. rolled back,
    retired: it is no longer used."""
    to: Name | Literal[""] = ""
    """rolled back, retired: the run whose model is the champion from now on; empty: the champion before, if any."""
    reason: str = ""
    """One sentence."""
    by: Literal["gate", "person"]
    made_at: AwareDatetime = Field(default_factory=now)
    """For people only."""
    headline: Headline | None = None
    photos: int = 0
    """Number of photos that the filter had kept in this run."""
    compared: dict[str, Any] = {}
    """The numbers behind the decision."""


class Registry:
    """The history of one name in a data folder."""

    def __init__(self, root: Path, name: str) -> None:
        """Take the data folder and the name of the models; nothing is read."""
        self.root, self.name = root, nfc(name)
        self.folder = root / FOLDER / folder_name(self.name)

    @cached_property
    def lock(self) -> FileLock:
        """The lock of whoever appends; take it to read and to append in one step. Who only reads needs none."""
        return file_lock(self.root / "locks" / f"{FOLDER}-{self.folder.name}.lock")

    def history(self) -> list[Decision]:
        """Return all decisions, the first one first.

        Raises:
            UserError: A file of the history is damaged.
        """
        return [_read(path, self.name) for _, path in _files(self.folder)]

    def champion(self) -> str | None:
        """Return the ID of the run whose model is used; None if there is none. Its model may have been deleted.

        Without a history, which data folders of earlier versions don't have, it is the last good run of this name.

        Raises:
            UserError: A file of the history, or the record of a run, is damaged.
        """
        return next(iter(self.champions()), None)

    def champions(self) -> list[str]:
        """Return the IDs of the champion's run and of those before it to which one can go back, the latest first.

        Raises:
            UserError: A file of the history, or the record of a run, is damaged.
        """
        history = self.history()
        return _champions(history) if history else self._before_history()

    def append(self, decision: Decision) -> Decision:
        """Write a decision to the disk, and return it with its number and name.

        If it is the first one of a data folder of an earlier version, the model that was used until now is written down
        before it.

        Raises:
            UserError: A file of the history is damaged.
            OSError: The data folder can't be written.
        """
        with self.lock:
            if not self.history():
                for run in self._before_history()[:1]:
                    if run != decision.run:
                        reason = "its run was the last good one before decisions were recorded"
                        self._write(Decision(run=run, outcome="promoted", reason=reason, by="gate"))
            return self._write(decision)

    def _write(self, decision: Decision) -> Decision:
        numbered = decision.model_copy(update={"number": counter.next_number(self.root), "name": self.name})
        atomic_write(self.folder / f"{numbered.number}.json", f"{numbered.model_dump_json(indent=1)}\n".encode())
        return numbered

    def _before_history(self) -> list[str]:
        """Return the last good run of this name, if there is one."""
        runs = (run for run in read_records(self.root) if run.is_good and nfc(run.model_name) == self.name)
        return [run.id for run in runs][:1]


def registries(root: Path) -> list[str]:
    """Return the names that have a history, sorted; whether the histories are intact is not checked."""
    return sorted({_name_of(folder) for folder in (root / FOLDER).glob("[!.]*") if any(_files(folder))})


def _champions(history: list[Decision]) -> list[str]:
    """Return what `Registry.champions` returns."""
    found: list[str] = []  # the latest last
    for decision in history:
        if decision.outcome not in ("promoted", "rolled back", "retired"):
            continue
        found = [run for run in found if decision.run not in ("", run)]
        if decision.outcome == "promoted":
            found.append(decision.run)
        elif decision.to:
            found = found[: found.index(decision.to) + 1] if decision.to in found else [decision.to]
    return found[::-1]


def _files(folder: Path) -> Iterator[tuple[int, Path]]:
    """Yield the numbers and the files of a history, in the order of their numbers."""
    named = ((match, path) for path in folder.glob("*.json") if (match := _FILE.fullmatch(path.name)))
    yield from sorted((int(match[1]), path) for match, path in named)


def _read(path: Path, name: str) -> Decision:
    try:
        decision = Decision.model_validate_json(read_regular(path))
        if (decision.number, decision.name) != (int(path.stem), name):
            raise ValueError(f"it is decision {decision.number} about {decision.name!r}")
    except ValueError as error:
        problem = first_problem(error) if isinstance(error, ValidationError) else str(error)
        raise UserError(
            f"{path} is damaged ({problem}), and it says which model of {name!r} is used; restore it from a backup, or "
            "delete it and check with `fluke models` which model is used without this decision"
        ) from error
    return decision


def _name_of(folder: Path) -> str:
    """Return the name that a folder's last decision has; if that is damaged, the name as far as the folder has it."""
    *_, (_, newest) = _files(folder)
    try:
        return Decision.model_validate_json(read_regular(newest)).name
    except (OSError, ValueError):
        return unquote(folder.name)
