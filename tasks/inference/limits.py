"""The limits of probabilities that an evaluation has chosen: where an answer is unsure, and which classes are possible.

Both are chosen on validation photos, by `tasks.evaluate.diagnose.diagnose`; every prediction applies them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from tasks.inference.arrays import Floats
from tasks.inference.conformal import prediction_sets
from tasks.store.atomic import write_json
from tasks.store.json_file import read_json
from tasks.tables.evaluate import LIMITS
from tasks.text import percent


@dataclass(frozen=True)
class Limit:
    """A share of photos that a setting asks for, and the probability that gives it on validation photos."""

    wanted: float
    """The accuracy of `evaluate.abstain`, or the coverage of `evaluate.set_coverage`, 0..1."""
    least_probability: float | None
    """The least probability, 0..1; None if no probability gives this share, or if there are too few photos."""


class Certainty(NamedTuple):
    """How certain the answer to a photo is. Columns of tables and fields of the API have the same names."""

    unsure: bool | None = None
    """Whether the most likely class is less probable than the limit, so that nobody should rely on it; None without a
    limit."""
    possible_classes: list[str] | None = None
    """The classes of which one is the true one with the wanted probability, the most likely first; None without a
    limit."""


@dataclass(frozen=True)
class Limits:
    """The limits of a model. limits.json has the same fields."""

    abstain: Limit | None = None
    """Less probable answers are unsure; None if `evaluate.abstain` is not set."""
    sets: Limit | None = None
    """Classes from this probability on are possible; None if `evaluate.set_coverage` is not set."""

    @property
    def columns(self) -> list[str]:
        """The fields of `Certainty` that tables of predictions with these limits have."""
        limits = zip(Certainty._fields, (self.abstain, self.sets), strict=True)
        return [column for column, limit in limits if limit and limit.least_probability is not None]

    def unsure(self, probabilities: Floats) -> NDArray[np.bool_] | None:
        """Say which answers are unsure: `(n,)` of probabilities `(n, answers)`; None without a limit."""
        if self.abstain is None or self.abstain.least_probability is None:
            return None
        below: NDArray[np.bool_] = probabilities.max(axis=1) < self.abstain.least_probability
        return below

    def possible(self, probabilities: Floats) -> NDArray[np.bool_] | None:
        """Select the possible classes: `(n, answers)` of probabilities `(n, answers)`; None without a limit."""
        if self.sets is None or self.sets.least_probability is None:
            return None
        return prediction_sets(probabilities, self.sets.least_probability)

    def certainties(self, probabilities: Floats, names: Sequence[str]) -> list[Certainty]:
        """Say how certain each answer is.

        Args:
            probabilities: (n, answers).
            names: The names of the answers.
        """
        unsure, possible = self.unsure(probabilities), self.possible(probabilities)
        return [
            Certainty(
                None if unsure is None else bool(unsure[row]),
                None if possible is None else in_order(probabilities[row], possible[row], names),
            )
            for row in range(len(probabilities))
        ]

    def lines(self) -> Iterator[str]:
        """Say what `unsure` means, or why there is no such column though a setting asks for it."""
        if self.abstain is None:
            return
        setting = f"evaluate.abstain={self.abstain.wanted:g}"
        if self.abstain.least_probability is None:
            yield f"no answer is called unsure: the validation photos give no threshold for {setting}, see the report"
        else:
            yield (
                f"unsure: answers with a probability below {percent(self.abstain.least_probability)}; from there on, "
                f"{percent(self.abstain.wanted, 0)} are right on validation photos ({setting})"
            )

    def write(self, folder: Path) -> None:
        """Write the limits into the folder of an evaluation."""
        write_json(LIMITS.path(folder), asdict(self))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote; no limits if an earlier version of fluke made the evaluation.

        Raises:
            DamagedFileError: The file has another content.
        """
        try:
            found: Self = read_json(LIMITS.path(folder), cls)
        except FileNotFoundError:
            return cls()
        return found


def in_order(probabilities: Floats, chosen: NDArray[np.bool_], names: Sequence[str]) -> list[str]:
    """Name the chosen classes, the most likely first; both arrays are `(answers,)`."""
    order = np.argsort(-probabilities, kind="stable")
    return [names[i] for i in order if chosen[i]]
