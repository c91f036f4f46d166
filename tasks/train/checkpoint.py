"""Where a training stands, on disk: so that one that was killed goes on, as if it had not been."""

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tasks.store.atomic import atomic_path

Arrays = list[NDArray[Any]]


@dataclass
class Progress:
    """How far a training has come."""

    epochs: int = 0
    """Passes that are done."""
    history: dict[str, list[float]] = field(default_factory=dict)
    best_loss: float = float("inf")
    best_epoch: int = 0
    """1 is the first pass; 0: none was better than what it began with."""
    best: Arrays = field(default_factory=list)
    """The classifier's weights then."""
    split: int = 1
    """Into how many parts each batch is cut, for lack of memory."""
    ended: bool = False

    @property
    def waited(self) -> int:
        """Passes since the best one."""
        return self.epochs - self.best_epoch


@dataclass(frozen=True)
class Checkpoint:
    """One file: a `Progress`, and the values of all variables that the next step depends on."""

    path: Path

    def write(self, progress: Progress, state: Arrays) -> None:
        """Replace what is there, whole or not at all."""
        told = {name: value for name, value in vars(progress).items() if name != "best"}
        arrays = {f"state{i}": value for i, value in enumerate(state)}
        arrays |= {f"best{i}": value for i, value in enumerate(progress.best)}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(self.path) as partial, partial.open("wb") as file:
            np.savez(file, allow_pickle=False, told=np.array(json.dumps(told)), **arrays)

    def read(self) -> tuple[Progress, Arrays] | None:
        """What was written last; None if there is nothing, or nothing that can be read."""
        try:
            with np.load(self.path) as stored:
                told = json.loads(str(stored["told"]))
                best, state = (
                    [stored[f"{kind}{i}"] for i in range(sum(name.startswith(kind) for name in stored.files))]
                    for kind in ("best", "state")
                )
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        return Progress(**told, best=best), state


def state(model: keras.Model) -> Arrays:
    """Values of all variables of a compiled model: weights, random numbers' seeds, the optimizer's."""
    return [keras.ops.convert_to_numpy(variable) for variable in _variables(model)]


def restore(model: keras.Model, state: Arrays) -> None:
    """Give the variables of a model, built in the same way, the values that `state` returned."""
    for variable, value in zip(_variables(model), state, strict=True):
        variable.assign(value)


def rewind(model: keras.Model) -> None:
    """Let a model's random numbers begin anew, so that they don't depend on what was done with it before."""
    known = {id(variable) for variable in (*model.weights, *model.metrics_variables)}
    for variable in model.variables:
        if id(variable) not in known:  # the state of a seed generator: its seed, and how often it was asked
            seed, _ = keras.ops.convert_to_numpy(variable)
            variable.assign([seed, 0])


def _variables(model: keras.Model) -> list[Any]:
    measuring = {id(variable) for variable in model.metrics_variables}
    own: list[Any] = [variable for variable in model.variables if id(variable) not in measuring]
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return own + list(model.optimizer.variables)
