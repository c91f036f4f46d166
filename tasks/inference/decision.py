"""The decision rule: from logits and class similarity to calibrated probabilities."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from configs.schema import InferFrom
from tasks.inference import calibration
from tasks.inference.arrays import Floats, Ids
from tasks.inference.calibration import Calibration
from tasks.inference.knn import References
from tasks.store.atomic import write_json
from tasks.store.errors import UserError
from tasks.store.json_file import damaged, read_json
from tasks.tables.evaluate import DECISION_RULE, REFERENCES

_LEAST = 1e-12
"""Probabilities are raised to this before the logarithm."""


@dataclass(frozen=True)
class DecisionRule:
    """How the class probabilities of a photo are computed. inference.json has the same fields."""

    infer_from: InferFrom
    labels: tuple[str, ...]
    """Classes, in the order of the network's logits."""
    network: Calibration
    """Of the logits."""
    nearest: Calibration | None
    """Of the class similarity; None if only the network decides."""
    weight: float
    """Weight of the network's probabilities in a blend, 0..1."""
    unknown_label: str | None
    """The answer for photos of unknown classes; None if all classes are known."""

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
        """Fit a rule that minimises the negative log-likelihood of the true classes of validation photos.

        Fewer than `calibration.LEAST_PHOTOS` photos fit nothing but the threshold of the unknown class.

        Args:
            infer_from: network, nearest or blend.
            labels: The classes, in the order of the logits.
            logits: (n, classes).
            class_similarity: (n, classes), see `References.class_similarity`; None if only the network decides.
            truth: (n,) class numbers. With `unknown_label`, photos of classes that were never trained on have the
                number `classes`.
            unknown_label: The answer for photos of unknown classes, or None.
        """
        unknown = unknown_label is not None
        network = calibration.fit(logits, truth, unknown=unknown)
        if class_similarity is None:
            return cls(infer_from, tuple(labels), network, None, 1.0, unknown_label)
        nearest = calibration.fit(class_similarity, truth, unknown=unknown, uncalibrated=calibration.COSINES)
        weight = _best_weight(network(logits), nearest(class_similarity), truth) if infer_from == "blend" else 0.0
        return cls(infer_from, tuple(labels), network, nearest, weight, unknown_label)

    @property
    def names(self) -> list[str]:
        """The names of all answers: the classes, then the unknown class if there is one."""
        return [*self.labels] if self.unknown_label is None else [*self.labels, self.unknown_label]

    def probabilities(self, logits: NDArray[Any], class_similarity: NDArray[Any] | None) -> Floats:
        """Compute the probabilities of photos.

        Args:
            logits: (n, classes).
            class_similarity: (n, classes); not needed if only the network decides.

        Returns:
            (n, answers), in the order of `names`.
        """
        if self.nearest is None or class_similarity is None:
            return self.network(logits)
        if self.infer_from == "nearest":
            return self.nearest(class_similarity)
        return self.weight * self.network(logits) + (1 - self.weight) * self.nearest(class_similarity)

    def write(self, folder: Path, references: References | None = None) -> None:
        """Write the rule to a folder, with the references that it compares photos with, if it does."""
        write_json(DECISION_RULE.path(folder), asdict(self))
        if references:
            references.write(REFERENCES.path(folder))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a rule that `write` wrote.

        Raises:
            UserError: The folder has no rule, because an earlier version of fluke made the evaluation.
        """
        try:
            found = read_json(DECISION_RULE.path(folder), dict[str, Any])
        except FileNotFoundError as error:
            raise UserError(
                f"{folder} was made by an earlier version of fluke; run its preset again to evaluate again"
            ) from error
        try:
            for name in ("network", "nearest"):
                found[name] = Calibration(**found[name]) if found[name] else None
            rule: Self = TypeAdapter(cls).validate_python(found | {"labels": tuple(found["labels"])})
            return rule
        except (KeyError, TypeError, ValueError) as error:
            raise damaged(DECISION_RULE.path(folder), error) from error


def _best_weight(network: Floats, nearest: Floats, truth: Ids) -> float:
    """Find the weight of `network`, 0..1, in the blend of two probabilities `(n, answers)` with the lowest loss.

    Too few photos for a temperature are too few for a weight: both then count the same.
    """
    from scipy.optimize import minimize_scalar

    if len(truth) < calibration.LEAST_PHOTOS:
        return 0.5
    ours, theirs = (np.take_along_axis(each, truth[:, None], axis=1)[:, 0] for each in (network, nearest))

    def nll(weight: float) -> float:
        return float(-np.log(np.maximum(weight * ours + (1 - weight) * theirs, _LEAST)).mean())

    return float(minimize_scalar(nll, bounds=(0, 1), method="bounded").x)
