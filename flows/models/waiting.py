"""Which new test photos join the list after a run, and which wait. docs/gate.md has the reasons.

Nobody has checked the labels of a night. A wrong one on the list would count against good models from then on, and for
those that have learned it. So a photo waits while its label is doubted, and so do all new photos of a run whose labels
are doubted more often than those of the list, as chance doesn't explain it. What waits is asked again after each run,
and joins when the doubt is gone, or when a person has decided in `fluke review`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.models.test_list import Growth

if TYPE_CHECKING:
    import pandas as pd

DOUBTED, NIGHT, UNANSWERED, REFUSED = "doubted", "night doubted", "no answer", "run refused"
WHY = {
    DOUBTED: "both models contradict their labels",
    NIGHT: "the labels of their run are doubted more often than those of the list",
    UNANSWERED: "their files are gone or can't be read",
    REFUSED: "their last run was refused",
}
"""Why photos wait, for people."""
_CHANCE = 0.05
"""Largest probability that the labels of a run are doubted so often by chance, for them to wait."""


@dataclass(frozen=True)
class Admission:
    """The candidates of a run that join, and why the others wait."""

    growth: Growth
    waits: Mapping[str, str]
    """Why each other candidate waits: one of the reasons of this module."""

    @property
    def listed(self) -> "pd.DataFrame":
        """The list from now on."""
        rows = self.growth.rows[~self.growth.rows["photo"].isin(list(self.waits))]
        is_new = rows["photo"].isin(list(self.growth.candidates))
        return rows.assign(since=rows["since"].where(~is_new, self.growth.number))

    @property
    def waiting(self) -> "pd.DataFrame":
        """The photos that wait, with the column `waits`."""
        rows = self.growth.rows[self.growth.rows["photo"].isin(list(self.waits))]
        return rows.assign(waits=rows["photo"].map(self.waits))

    def notes(self) -> Iterator[str]:
        """Say how many photos wait because of their labels, and what to do about it."""
        for reason, why in WHY.items():
            count = sum(each == reason for each in self.waits.values())
            if count and reason in (DOUBTED, NIGHT):
                photos = "1 new test photo waits" if count == 1 else f"{count:,} new test photos wait"
                yield f"{photos} to join the test list, since {why}; `fluke testlist` names them"


def admit_all_but(growth: Growth, reason: str) -> Admission:
    """Let all candidates wait for one reason, but those that a person has decided about."""
    return Admission(growth, dict.fromkeys(growth.candidates - growth.decided, reason))


def admit(growth: Growth, doubted: Mapping[str, bool]) -> Admission:
    """Say which candidates join the list.

    Args:
        growth: The list with the test photos of a run.
        doubted: Whether both models contradict the label of a photo, for those that were answered; without a champion
            to compare with, whether the new model does.
    """
    waits = {photo: UNANSWERED for photo in growth.candidates if photo not in doubted}
    waits |= {photo: DOUBTED for photo in growth.candidates if doubted.get(photo)}
    rows = growth.rows[growth.rows["photo"].isin(list(doubted))]
    rows = rows.assign(doubted=rows["photo"].map(doubted).astype(bool))
    # Near duplicates share their fate, so each group counts once.
    by_group = rows.sort_values("doubted", ascending=False, kind="stable").drop_duplicates(["group", "label"])
    is_candidate = by_group["photo"].isin(list(growth.candidates))
    on_list = _counts(by_group[~is_candidate])
    for run, batch in by_group[is_candidate & ~by_group["photo"].isin(list(growth.decided))].groupby("since"):
        from scipy.stats import fisher_exact  # it takes half a second, which a run without new test photos has not

        if fisher_exact([_counts(batch), on_list], alternative="greater")[1] <= _CHANCE:
            of_run = growth.rows["photo"].isin(list(growth.candidates)) & (growth.rows["since"] == run)
            waits = dict.fromkeys(growth.rows.loc[of_run, "photo"], NIGHT) | waits
    return Admission(growth, {photo: why for photo, why in waits.items() if photo not in growth.decided})


def _counts(rows: "pd.DataFrame") -> tuple[int, int]:
    doubted = int(rows["doubted"].sum())
    return doubted, len(rows) - doubted
