"""A trial: what one recipe has learned from the train photos, and its answers to the validation photos."""

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from configs.schema import InferFrom
from tasks.store.atomic import atomic_path


@dataclass(frozen=True)
class Trial:
    """The outcome of one recipe. It is stored, so that a killed training doesn't try the recipe again."""

    name: str
    """What was tried, in words."""
    scores: NDArray[np.float32]
    """(validation photos, classes) logits or, with infer_from nearest or blend, log probabilities."""
    logits: NDArray[np.float32]
    """(validation photos, classes) logits of the classifier."""
    seconds: float
    """How long it took, also before an interruption."""
    arrays: list[NDArray[Any]]
    """Weights, in the order that the recipe wants."""
    infer_from: InferFrom = "network"
    details: dict[str, Any] = field(default_factory=dict)
    """Further outcomes, such as the strength or the epochs: values that JSON can represent."""

    def write(self, path: Path) -> None:
        """Write a .npz file; all of it or nothing."""
        fields = {name: getattr(self, name) for name in ("name", "seconds", "infer_from", "details")}
        arrays = {f"array{i}": value for i, value in enumerate(self.arrays)}
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as partial, partial.open("wb") as file:
            np.savez(
                file,
                allow_pickle=False,
                fields=np.array(json.dumps(fields)),
                scores=self.scores,
                logits=self.logits,
                **arrays,
            )

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read a file of `write`; None if it is missing or damaged."""
        try:
            with np.load(path, allow_pickle=False) as found:
                fields = json.loads(str(found["fields"]))
                count = sum(name.startswith("array") for name in found.files)
                arrays = [found[f"array{i}"] for i in range(count)]
                return cls(scores=found["scores"], logits=found["logits"], arrays=arrays, **fields)
        except (OSError, ValueError, KeyError, TypeError, EOFError, MemoryError, RecursionError, zipfile.BadZipFile):
            return None
