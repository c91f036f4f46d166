"""From what a network says of a photo, and from the photos that it looks like, to the probability of each class."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from configs.schema import InferFrom
from tasks.inference import calibration
from tasks.inference.arrays import Floats, Ids
from tasks.inference.calibration import Calibration
from tasks.inference.knn import References
from tasks.store.atomic import write_json
from tasks.store.errors import UserError
from tasks.tables import DECISION_RULE, REFERENCES

_LEAST = 1e-12


@dataclass(frozen=True)
class DecisionRule:
    """How a photo is answered."""

    infer_from: InferFrom
    labels: tuple[str, ...]
    """Classes, in the order of the network's logits."""
    network: Calibration
    nearest: Calibration | None
    """None where only the network is asked."""
    weight: float
    """Share of the network's probabilities in a blend."""
    unknown_label: str | None
    """What photos of no known class are called; None: all classes are known."""

    @classmethod
    def fit(
        cls,
        infer_from: InferFrom,
        labels: list[str],
        logits: NDArray[Any],
        class_similarity: NDArray[Any] | None,
        *,
        truth: Ids,
        unknown_label: str | None,
    ) -> Self:
        """Fit all that is fitted, by how surprising the true classes of validation photos are.

        logits, likeness (see `References.class_similarity`; None where only the network is asked): `(n, classes)`.
        truth: `(n,)`; `classes` where the class was never trained, with `unknown_label`.
        """
        unknown = unknown_label is not None
        network = calibration.fit(logits, truth, unknown=unknown)
        if class_similarity is None:
            return cls(infer_from, tuple(labels), network, None, 1.0, unknown_label)
        nearest = calibration.fit(class_similarity, truth, unknown=unknown)
        weight = _mixed(network(logits), nearest(class_similarity), truth) if infer_from == "blend" else 0.0
        return cls(infer_from, tuple(labels), network, nearest, weight, unknown_label)

    @property
    def names(self) -> list[str]:
        """Of all answers: the classes, then the unknown if there is one."""
        return [*self.labels] if self.unknown_label is None else [*self.labels, self.unknown_label]

    def probabilities(self, logits: NDArray[Any], class_similarity: NDArray[Any] | None) -> Floats:
        """Probabilities `(n, answers)` of photos with these logits and likeness, `(n, classes)` both.

        likeness is only needed where something is inferred from it.
        """
        if self.nearest is None or class_similarity is None:
            return self.network(logits)
        if self.infer_from == "nearest":
            return self.nearest(class_similarity)
        return self.weight * self.network(logits) + (1 - self.weight) * self.nearest(class_similarity)

    def write(self, folder: Path, references: References) -> None:
        """Write it, and the references if it needs them."""
        write_json(DECISION_RULE.path(folder), asdict(self))
        if self.infer_from != "network":
            references.write(REFERENCES.path(folder))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """What `write` wrote; raises UserError where the evaluation is of before there was any."""
        try:
            found = json.loads(DECISION_RULE.path(folder).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise UserError(
                f"{folder} is an evaluation of an earlier version of fluke; run its preset again, which evaluates it"
            ) from error
        for name in ("network", "nearest"):
            found[name] = Calibration(**found[name]) if found[name] else None
        return cls(**found | {"labels": tuple(found["labels"])})


def _mixed(ours: Floats, theirs: Floats, truth: Ids) -> float:
    """The share of `ours`, 0..1, in the mixture of two answers `(n, answers)` that makes the truth least surprising."""
    from scipy.optimize import minimize_scalar

    if not len(truth):
        return 0.5
    mine, other = (np.take_along_axis(each, truth[:, None], axis=1)[:, 0] for each in (ours, theirs))

    def nll(weight: float) -> float:
        return float(-np.log(np.maximum(weight * mine + (1 - weight) * other, _LEAST)).mean())

    return float(minimize_scalar(nll, bounds=(0, 1), method="bounded").x)
