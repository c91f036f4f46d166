"""Decisions of people: which model is used from now on. Each is appended to the history of its name."""

import shlex
from pathlib import Path
from typing import Literal

from flows import model_names, preflight
from flows.models.decision import Decision
from flows.models.find import before_champion, names, only_name, why_not_finished, without
from flows.models.registry import Registry
from flows.run_records import RunRecord, read_records
from tasks.names import nfc
from tasks.store.errors import UserError


def promote(root: Path, run: str, reason: str = "") -> Decision:
    """Use the model of a run from now on.

    Args:
        root: The data folder.
        run: The ID of a run, or a name given by `fluke name`.
        reason: One sentence for the history; may be empty.

    Raises:
        UserError: There is no such run, it has no model any more, or its model is used already; or a history is
            damaged.
    """
    with preflight.in_use(root):  # so that it isn't being pruned
        record = _record(root, run)
        registry = Registry(root, record.model_name)
        with registry.lock:
            _check_usable(record, root)
            if not registry.is_lost and registry.champion() == record.id:
                raise UserError(f"the model of run {record.id} is already the one that is used for {registry.name!r}")
            return registry.append(Decision.about(record, "promoted", reason, by="person"))


def roll_back(root: Path, name: str | None = None, reason: str = "") -> Decision:
    """Use the model again that was used before the champion; the champion is rolled back.

    Args:
        root: The data folder.
        name: The name of the models; None: the only one that has a champion.
        reason: One sentence for the history; may be empty.

    Raises:
        UserError: There is no such name, or no earlier champion that could be used; or a history is damaged.
    """
    with preflight.in_use(root):
        registry = Registry(root, only_name(root) if name is None else known_name(root, name))
        with registry.lock:
            champions = registry.champions()
            if not champions:
                raise UserError(
                    f"no model is used for {registry.name!r}, so there is nothing to roll back; `fluke promote RUN` "
                    "uses one"
                )
            before = before_champion(root, registry.name)
            if before is None:
                gone = f", and the model of run {champions[1]} has been deleted" if champions[1:] else ""
                raise UserError(
                    f"{registry.name!r} has no earlier model to roll back to{gone}; `fluke models "
                    f"{shlex.quote(registry.name)}` lists its models, and `fluke promote RUN` uses one of them"
                )
            return registry.append(_about(root, champions[0], "rolled back", reason, to=before.id))


def retire(root: Path, name: str, reason: str = "") -> Decision:
    """Never use the model of a run again, or no model of a name, until a person promotes it again.

    If it is the champion, the one before it is used from now on.

    Args:
        root: The data folder.
        name: The ID of a run, a name given by `fluke name`, or the name of the models.
        reason: One sentence for the history; may be empty.

    Raises:
        UserError: There is no such run or name, or it has been retired already; or a history is damaged.
    """
    with preflight.in_use(root):
        runs = {record.id: record for record in read_records(root)}
        if name in runs or name in model_names.read(root):
            return _retire_run(root, _record(root, name), reason)
        registry = Registry(root, known_name(root, name))
        with registry.lock:
            if not registry.champion():
                raise UserError(f"no model is used for {registry.name!r} as it is")
            return registry.append(Decision(run="", outcome="retired", reason=reason, by="person"))


def known_name(root: Path, name: str) -> str:
    """Return a name of models as the registry writes it.

    Raises:
        UserError: There are no models of this name.
    """
    known = names(root)
    if nfc(name) in known:
        return nfc(name)
    if any(record.id == name for record in read_records(root)):
        raise UserError(f"{name} is a run, not a name of models; the names are {', '.join(known)}")
    if not known:
        raise UserError(f"{root}: no successful run; `fluke run PRESET` trains a model")
    raise UserError(f"{root}: there are no models of the name {name!r}; the names are {', '.join(known)}")


def _retire_run(root: Path, record: RunRecord, reason: str) -> Decision:
    registry = Registry(root, record.model_name)
    with registry.lock:
        if not record.is_good:
            raise UserError(f"run {record.id} has no model: {why_not_finished(record, root)}")
        last = [decision for decision in registry.history() if decision.run in (record.id, "")][-1:]
        if last and last[0].outcome == "retired":
            raise UserError(f"the model of run {record.id} ({registry.name}) is retired already")
        is_champion = registry.champion() == record.id
        then = without(root, registry.name, record.id) if is_champion else None
        return registry.append(_about(root, record.id, "retired", reason, to=then.id if then else ""))


def _record(root: Path, run: str) -> RunRecord:
    """Return the record of a run by its ID, or by a name given by `fluke name`.

    Raises:
        UserError: There is no such run.
    """
    given = model_names.read(root).get(run, run)
    for record in read_records(root):
        if record.id == given:
            return record
    if given != run:
        raise UserError(f"{run!r} is the name of run {given}, which has no record in {root / 'runs'} any more")
    if nfc(run) in names(root):
        name = shlex.quote(run)
        raise UserError(f"{run!r} is a name of several models; give the ID of a run: `fluke models {name}` lists them")
    raise UserError(f"{root}: there is no run {run!r}; `fluke models` lists the runs that have a model")


def _check_usable(record: RunRecord, root: Path) -> None:
    if not record.is_good:
        raise UserError(f"run {record.id} ({record.model_name}) has no model: {why_not_finished(record, root)}")
    state = record.model_state(root)
    if state != "intact":
        what = "has been deleted, by `fluke prune` or by hand" if state == "gone" else "is damaged"
        raise UserError(
            f"the model of run {record.id} ({record.model_name}) {what}; run {record.preset} again with the same "
            "settings"
        )


def _about(root: Path, run: str, outcome: Literal["rolled back", "retired"], reason: str, *, to: str) -> Decision:
    """Return a decision of a person about a run, whose record may be gone."""
    for record in read_records(root):
        if record.id == run:
            return Decision.about(record, outcome, reason, by="person", to=to)
    return Decision(run=run, outcome=outcome, reason=reason, by="person", to=to)
