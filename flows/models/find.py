"""Find the run whose model is meant: the champion of a name, or the run that somebody has named."""

import shlex
from pathlib import Path

from configs.suggest import did_you_mean
from flows import model_names
from flows.models.registry import Registry, registries
from flows.run_records import RunRecord, read_records
from tasks.names import nfc
from tasks.store.errors import UserError
from tasks.store.manifest import Artifact


def names(root: Path) -> list[str]:
    """Return the names of models, sorted: those with a history, and those of good runs of earlier versions.

    Raises:
        UserError: The record of a run is damaged.
    """
    return sorted({*registries(root), *(nfc(run.model_name) for run in read_records(root) if run.is_good)})


def only_name(root: Path) -> str:
    """Return the only name that has a champion.

    Raises:
        UserError: There is none, or several; or a history is damaged.
    """
    known = names(root)
    in_use = [name for name in known if Registry(root, name).champion()]
    if len(in_use) > 1:
        raise UserError(f"{root} has models of several names; give one of them: {', '.join(in_use)}")
    if known and not in_use:
        raise UserError(
            f"{root}: no model is used under any name ({', '.join(known)}); `fluke models` lists the models, and "
            "`fluke promote RUN` uses one"
        )
    if not known:
        raise UserError(f"{root}: no successful run; `fluke run PRESET` trains a model")
    return in_use[0]


def find_run(root: Path, name: str | None = None) -> RunRecord:
    """Return the record of the run whose model is meant.

    Args:
        root: The data folder.
        name: The ID of a run, the name of models (its champion), a name given by `fluke name`, or a preset (the
            champion of its name); None: the only name that has a champion.

    Raises:
        UserError: There is no such run, or two things are called so; or a history or a record is damaged.
    """
    good = [run for run in read_records(root) if run.is_good]
    if name is None:
        return _champion(root, only_name(root), good)
    meant = [run for run in good if run.is_called(name)]
    known = names(root)
    given = model_names.read(root)
    if name in given:
        if meant or nfc(name) in known:
            raise UserError(
                f"{name!r} is the name of run {given[name]}, and also a preset or another run; give the ID of the run, "
                f"or remove the name with `fluke name --delete {name}`"
            )
        return _named(root, name, given[name], good)
    if meant and meant[0].id == name:
        return meant[0]
    if nfc(name) in known:
        return _champion(root, nfc(name), good)
    of = list(dict.fromkeys(run.model_name for run in meant))
    if len(of) > 1:
        raise UserError(f"preset {name} has models of several names; give one of them: {', '.join(of)}")
    if of:
        return _champion(root, of[0], good, preset=name)
    raise _unknown(root, name, known, [*given])


def _champion(root: Path, name: str, good: list[RunRecord], *, preset: str | None = None) -> RunRecord:
    """Return the champion of a name; with a preset, the latest one that is of this preset.

    Files with the same name in two folders are two presets, whose models have the same name.
    """
    registry = Registry(root, name)
    champions = registry.champions()
    if not champions:
        raise UserError(
            f"no model is used under the name {name!r}; `fluke models {shlex.quote(name)}` lists its models, and "
            "`fluke promote RUN` uses one"
        )
    runs = {run.id: run for run in good}
    if preset is None:
        if champions[0] not in runs:
            raise UserError(
                f"run {champions[0]}, whose model is used under the name {name!r}, has no record in "
                f"{root / 'runs'} any more; {instead(root, name)}"
            )
        return runs[champions[0]]
    order = champions if registry.history() else list(runs)
    for run in order:
        if run in runs and runs[run].is_called(preset):
            return runs[run]
    other = runs[champions[0]].preset_file if champions[0] in runs else ""
    raise UserError(
        f"no model of {preset} is used: under the name {name!r}, it is that of run {champions[0]}"
        f"{f' of {other}' if other else ''}; give one of the presets a name of its own (`name: ...`), or say which run"
    )


def champion_evaluation(root: Path, name: str) -> Artifact | None:
    """Return the evaluation of a name's champion, with which a new model is compared; None if there is no champion.

    Raises:
        UserError: A history or a record is damaged.
    """
    champion = Registry(root, name).champion()
    runs = (run for run in read_records(root) if run.id == champion)
    return next((artifact for run in runs for artifact in run.model if artifact.stage == "evaluate"), None)


def before_champion(root: Path, name: str) -> RunRecord | None:
    """Return the run to which `fluke rollback` goes: the latest earlier champion whose model is intact, if any.

    Raises:
        UserError: A history or a record is damaged.
    """
    return _intact(root, Registry(root, name).champions()[1:])


def without(root: Path, name: str, run: str) -> RunRecord | None:
    """Return the run whose model would be used if a run's model were not: the champion, or the one before it, if any.

    Raises:
        UserError: A history or a record is damaged.
    """
    return _intact(root, [champion for champion in Registry(root, name).champions() if champion != run])


def instead(root: Path, name: str) -> str:
    """Say which command uses another model of a name whose champion can't be used any more."""
    if before := before_champion(root, name):
        return f"`fluke rollback {shlex.quote(name)}` goes back to run {before.id}"
    return f"`fluke models {shlex.quote(name)}` lists its models, and `fluke promote RUN` uses one of them"


def _intact(root: Path, runs: list[str]) -> RunRecord | None:
    records = {run.id: run for run in read_records(root)} if runs else {}
    return next((records[run] for run in runs if run in records and records[run].model_state(root) == "intact"), None)


def _named(root: Path, name: str, run: str, good: list[RunRecord]) -> RunRecord:
    for record in good:
        if record.id == run:
            return record
    raise UserError(
        f"{name!r} is the name of run {run}, which has no record in {root / 'runs'} any more; remove the name with "
        f"`fluke name --delete {name}`"
    )


def _unknown(root: Path, name: str, known: list[str], given: list[str]) -> UserError:
    for run in read_records(root):
        if run.id == name:
            return UserError(f"run {name} has no model: {why_not_finished(run, root)}")
    if not known:
        return UserError(f"{root}: no successful run; `fluke run PRESET` trains a model")
    listed = f"models: {', '.join(known)}" + (f"; names: {', '.join(given)}" if given else "")
    meant = did_you_mean(name, [*known, *given], 0.6)
    return UserError(
        f"{root}: no successful run, preset or model is called {name!r}{meant}; {listed}; `fluke run PRESET` trains a "
        "model"
    )


def why_not_finished(run: RunRecord, root: Path) -> str:
    """Say why a run that isn't good has no model."""
    state = run.current_state(root)
    return f"it only went up to {run.until}" if state == "done" else f"its state is {state!r}"
