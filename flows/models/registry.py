"""The registry: under each name, which run's model is used (the champion), and all decisions about models.

    DATA/models/<folder name>/            its generations, see `tasks.store.generations`; each is the whole history
    DATA/backups/models/<folder name>/    the same files

The decisions of a name are its history, in the order of their numbers, which come from the data folder's counter: no
clock decides which of two is later. The champion isn't stored anywhere: it follows from the history.
"""

import logging
import os
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from filelock import FileLock
from pydantic import TypeAdapter

from flows.models.decision import Decision
from flows.run_records import RunRecord, read_records
from tasks.names import folder_name, nfc
from tasks.store import counter
from tasks.store.errors import UserError
from tasks.store.generations import Generations
from tasks.store.permissions import file_lock

logger = logging.getLogger("fluke.models")

FOLDER, COPIES = "models", "backups/models"
BEFORE_HISTORY = "its run was the last good one before decisions were recorded"
_AT_THE_END = ("promoted", "refused", "undecided", "kept", "unchanged")
_SUFFIX = ".json"


class Registry:
    """The history of one name in a data folder."""

    def __init__(self, root: Path, name: str) -> None:
        """Take the data folder and the name of the models; nothing is read."""
        self.root, self.name = root, nfc(name)
        self._files = _generations(root, folder_name(self.name))

    @property
    def folder(self) -> Path:
        """The first of the two places."""
        return self._files.folder

    @cached_property
    def lock(self) -> FileLock:
        """The lock of whoever appends; take it to read and to append in one step. Who only reads needs none."""
        return file_lock(self.root / "locks" / f"{FOLDER}-{self._files.folder.name}.lock")

    def history(self) -> list[Decision]:
        """Return all decisions, the first one first. A damaged or missing copy is restored from the other one.

        Raises:
            UserError: Both copies are damaged, or gone although there were decisions.
        """
        stored = self._read()
        if not stored and self.is_lost:
            raise self._lost_error()
        return stored

    @property
    def is_lost(self) -> bool:
        """Whether both copies are gone: a run says that something was decided about its model, and nothing is stored.

        Raises:
            UserError: Both copies, or the record of a run, are damaged.
        """
        return self._files.newest() is None and bool(self._decided())

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
        return _champions(history) if history else [run.id for run in self._last_good()]

    def append(self, decision: Decision) -> Decision:
        """Write a decision to the disk, and return it with its number and name.

        If it is the first one of a data folder of an earlier version, the model that was used until now is written down
        before it.

        Raises:
            UserError: Both copies of the history are damaged; or both are gone, and this isn't a person's choice of a
                model, with which a new history begins.
            OSError: The data folder can't be written.
        """
        with self.lock:
            newest = self._files.newest()
            stored = self._read()
            if not stored and self.is_lost:
                if (decision.by, decision.outcome) != ("person", "promoted"):
                    raise self._lost_error()
            elif not stored:
                earlier = [run for run in self._last_good() if run.id != decision.run]
                stored = [self._numbered(Decision.about(run, "promoted", BEFORE_HISTORY, by="gate")) for run in earlier]
            decision = self._numbered(decision)
            self._files.write(_encoded([*stored, decision]), newest)
            return decision

    def _numbered(self, decision: Decision) -> Decision:
        number = counter.next_number(self.root, everywhere=True)
        return decision.model_copy(update={"number": number, "name": self.name})

    def _read(self) -> list[Decision]:
        newest = self._files.newest()
        if newest is None:
            return []
        if newest.damaged and _may_read_copies(self.root):  # who may read only one of both repairs nothing
            self._files.try_to_repair(newest, self.lock)
        return _decoded(newest.path)

    def _runs(self) -> list[RunRecord]:
        return [run for run in read_records(self.root) if nfc(run.model_name) == self.name]

    def _decided(self) -> list[RunRecord]:
        """Return the runs about whose models something was decided at their end, the newest first."""
        return [run for run in self._runs() if run.decision in _AT_THE_END]

    def _last_good(self) -> list[RunRecord]:
        """Return the record of the last good run of this name, if there is one."""
        return [run for run in self._runs() if run.is_good][:1]

    def _lost_error(self) -> UserError:
        decided = self._decided()[0]
        return UserError(
            f"{self._files.folder} and its copy {self._files.copies} are gone, but run {decided.id} was "
            f"{decided.decision}; they say which model of {self.name!r} is used: restore one of them from a backup, or "
            "choose a model with `fluke promote RUN`, which begins a new history"
        )


def merge(root: Path, other: Path) -> None:
    """Add the decisions of another copy of a history, to which somebody has added some at the same time.

    All are kept, in the order of their numbers, so the champion is that of the last promotion of both.

    Args:
        root: The data folder.
        other: A generation of the other copy, in the folder of the history.

    Raises:
        UserError: One of both is damaged.
    """
    theirs = _decoded(other)
    if not theirs:
        return
    registry = Registry(root, theirs[-1].name)
    with registry.lock:
        ours = registry._read()
        new = [decision for decision in theirs if decision not in ours]
        if new:
            merged = sorted([*ours, *new], key=lambda decision: decision.number)
            registry._files.write(_encoded(merged), registry._files.newest())


def registries(root: Path) -> list[str]:
    """Return the names that have a history, sorted; whether the histories are intact is not checked."""
    homes = [root / FOLDER, *([root / COPIES] if _may_read_copies(root) else [])]
    places = {path.name for home in homes for path in home.glob("[!.]*") if path.is_dir()}
    return sorted({name for place in places if (name := _name_of(root, place))})


def _may_read_copies(root: Path) -> bool:
    """Whether this user may read the copies: they are private, in a data folder that others may read."""
    home = root / COPIES.partition("/")[0]
    return not home.exists() or os.access(home, os.R_OK | os.X_OK)


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


def _generations(root: Path, place: str) -> Generations:
    folder, copies = root / FOLDER / place, root / COPIES / place
    remedy = (
        f"they say which model of {unquote(place)!r} is used: restore one of them from a backup, or delete {folder} "
        f"and {copies}, and choose a model with `fluke promote RUN`"
    )
    return Generations(folder, copies, suffix=_SUFFIX, remedy=remedy)


def _encoded(history: list[Decision]) -> bytes:
    """Return a history as JSON, the last decision first: the counter reads the beginnings of files."""
    return TypeAdapter(list[Decision]).dump_json(history[::-1], indent=1) + b"\n"


def _decoded(path: Path) -> list[Decision]:
    try:
        return TypeAdapter(list[Decision]).validate_json(path.read_bytes())[::-1]
    except ValueError as error:
        raise UserError(f"{path} has another form; it may be of a newer version of fluke: use that one") from error


def _name_of(root: Path, place: str) -> str:
    """Return the name of a folder's history: as far as the folder has it if that is damaged; empty if there is none."""
    try:
        newest = _generations(root, place).newest()
        return _decoded(newest.path)[-1].name if newest else ""
    except (OSError, UserError):
        return unquote(place)
