"""The state of a training on disk, so that a killed training continues as if it had not been interrupted."""

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
class TrainingState:
    """Epochs, history and best weights of a training."""

    epochs: int = 0
    """Finished epochs."""
    history: dict[str, list[float]] = field(default_factory=dict)
    """One value for each finished epoch, by metric."""
    best_loss: float = float("inf")
    best_epoch: int = 0
    """1 is the first epoch; 0: no epoch was better than the initial weights."""
    best: Arrays = field(default_factory=list)
    """The network's weights after the best epoch; empty if there is none."""
    split: int = 1
    """Number of parts that each batch is split into, for lack of memory."""
    ended: bool = False
    seconds: float = 0
    """What the finished epochs took, also those before an interruption."""

    @property
    def epochs_since_best(self) -> int:
        """Finished epochs after the best one."""
        return self.epochs - self.best_epoch


@dataclass(frozen=True)
class Checkpoint:
    """One file: a `TrainingState` and the values of all variables that the next step depends on."""

    path: Path

    def write(self, state: TrainingState, variables: Arrays) -> None:
        """Replace the file atomically."""
        fields = {name: value for name, value in vars(state).items() if name != "best"}
        arrays = {f"state{i}": value for i, value in enumerate(variables)}
        arrays |= {f"best{i}": value for i, value in enumerate(state.best)}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(self.path) as partial, partial.open("wb") as file:
            np.savez(file, allow_pickle=False, fields=np.array(json.dumps(fields)), **arrays)

    def read(self) -> tuple[TrainingState, Arrays] | None:
        """Return the state and the variables that were written last; None if the file is missing or damaged."""
        try:
            with np.load(self.path) as stored:
                fields = json.loads(str(stored["fields"]))
                best, variables = (
                    [stored[f"{kind}{i}"] for i in range(sum(name.startswith(kind) for name in stored.files))]
                    for kind in ("best", "state")
                )
            return TrainingState(**fields, best=best), variables
        except (OSError, ValueError, KeyError, TypeError, EOFError, MemoryError, RecursionError, zipfile.BadZipFile):
            return None


def read_variables(model: keras.Model) -> Arrays:
    """Copy the values of all variables of a model and its optimizer: weights, states of random numbers, moments."""
    return [keras.ops.convert_to_numpy(variable) for variable in _variables(model)]


def restore_variables(model: keras.Model, values: Arrays) -> None:
    """Assign values from `read_variables` to the variables of a model that was built in the same way."""
    for variable, value in zip(_variables(model), values, strict=True):
        variable.assign(value)


def reset_random_numbers(model: keras.Model) -> None:
    """Reset a model's seed generators, so that random numbers do not depend on earlier use of the model."""
    known = {id(variable) for variable in (*model.weights, *model.metrics_variables)}
    for variable in model.variables:
        if id(variable) not in known:  # the state of a seed generator: its seed, and a counter
            seed, _ = keras.ops.convert_to_numpy(variable)
            variable.assign([seed, 0])


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]
