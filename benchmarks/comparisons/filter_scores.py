"""Score the files that a tool names against the planted ones; see filter_quality.py."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.comparisons.filter_tools import (
    CORRUPT,
    OURS,
    Answers,
    Pair,
)
from benchmarks.comparisons.planted_flaws import Plant
from benchmarks.comparisons.same_photo import LIKE, likeness

JUDGED = Path(__file__).with_name("judged.csv")

ALSO = {
    CORRUPT: set(),
    "too small": {"odd aspect", "uniform", "blurred"},
    "odd aspect": {"too small", "uniform", "blurred", "too dark", "too light"},
    "uniform": {"blurred", "too dark", "too light"},
    "too dark": {"uniform", "blurred"},
    "too light": {"uniform", "blurred"},
    "blurred": {"uniform"},
}
"""For each planted flaw: the flaws that follow from it, which are not counted as wrong."""

MOST_PAIRS = 2000
"""Maximum number of pairs per tool, drawn from those not planted, that are judged; the counts are scaled."""

COPIES = ("duplicate", "near duplicate", "two classes")


@dataclass(frozen=True)
class Score:
    """The score of one check of a tool."""

    right: int = 0
    wrong: int = 0
    found: dict[str, int] = field(default_factory=dict)
    """Number of planted files that it found, by variant."""
    strange: list[tuple[str, ...]] = field(default_factory=list)
    """Named files that are not planted and not judged yet, or the wrong pairs."""
    untouched: int = 0
    """Number of right ones that are not planted."""

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + self.wrong)


@dataclass(frozen=True)
class Truth:
    """What is known about a folder."""

    data_set: str
    photos: Path
    plants: Sequence[Plant]

    def planted(self, check: str) -> list[Plant]:
        return [plant for plant in self.plants if OURS.get(plant.kind, plant.kind) == check]

    def same_photo(self, pair: Pair) -> bool:
        return likeness(*(self.photos / file for file in pair)) >= LIKE

    def right_pair(self, check: str, pair: Pair) -> bool | None:
        """Return whether a check is right about a pair; None: not counted."""
        kinds = {plant.file: plant.kind for plant in self._of(pair)}
        one, other = (_bytes(self.photos / file) for file in pair)
        if "uniform" in kinds.values() or (check == "near duplicate" and one == other):
            return None
        if check == "duplicate":
            return one == other
        labels = {file.partition("/")[0] for file in pair}
        return (check != "two classes" or len(labels) == 2) and (one == other or self.same_photo(pair))

    def _of(self, files: Iterable[str]) -> list[Plant]:
        by_file = _by_file(tuple(self.plants))
        return [by_file[file] for file in files if file in by_file]

    def score_flaw(self, check: str, named: set[str]) -> Score:
        of = _by_file(tuple(self.plants))
        judged = _judged(self.data_set, check)
        right, wrong, untouched, found = 0, 0, 0, defaultdict[str, int](int)
        strange: list[tuple[str, ...]] = []
        for file in sorted(named):
            plant = of.get(file)
            kind = OURS.get(plant.kind, plant.kind) if plant else ""
            if plant and kind == check:
                right += 1
                found[variant_of(plant)] += 1
            elif plant and kind in ALSO:
                wrong += check not in ALSO[kind]
            elif plant and check == "too small":
                continue  # CleanVision's check is "odd size", and copies may be shrunken or cropped
            else:
                original = plant.twin if plant else file
                verdict = judged.get(original)
                right += bool(verdict)
                untouched += bool(verdict)
                wrong += not verdict
                if verdict is None:
                    strange.append((file,))
        return Score(right, wrong, dict(found), strange, untouched)

    def score_pairs(self, check: str, answers: Answers) -> Score:
        own = {tuple(sorted((plant.file, plant.twin))) for plant in self.plants if plant.twin}
        pairs = sorted(answers.pairs.get(check, ()))
        strays = [pair for pair in pairs if pair not in own]
        drawn = strays
        if len(strays) > MOST_PAIRS:
            drawn = [strays[place] for place in np.random.default_rng(0).permutation(len(strays))[:MOST_PAIRS]]
        verdicts = {pair: self.right_pair(check, pair) for pair in [*drawn, *(pair for pair in pairs if pair in own)]}
        share = len(strays) / max(1, len(drawn))
        wrong = sorted(pair for pair in drawn if verdicts[pair] is False)
        untouched = round(share * sum(verdicts[pair] is True for pair in drawn))
        right = untouched + sum(verdict is True for pair, verdict in verdicts.items() if pair in own)
        return Score(right, round(share * len(wrong)), self._copies_found(check, answers), list(wrong), untouched)

    def _copies_found(self, check: str, answers: Answers) -> dict[str, int]:
        """Count the planted copies that were found, by variant.

        A copy of a photo that is also in another class may be reported as "two classes".
        """
        among = ["two classes"] if check == "two classes" else [*COPIES]
        pairs = {pair for name in among for pair in answers.pairs.get(name, ())}
        home = _connected(pair for pair in pairs if self.known_as_same(pair, search=len(pairs) <= MOST_PAIRS))
        found = defaultdict[str, int](int)
        for plant in self.planted(check):
            found[variant_of(plant)] += plant.file in home and home.get(plant.file) == home.get(plant.twin)
        return dict(found)

    def known_as_same(self, pair: Pair, *, search: bool) -> bool:
        """Return whether two files show the same photo; search: also align pairs that are not planted."""
        plants = self._of(pair)
        return any({plant.file, plant.twin} == set(pair) for plant in plants) or (search and self.same_photo(pair))

    def score(self, check: str, answers: Answers) -> Score | None:
        """Score a check; None if the tool doesn't have it."""
        if check in answers.problems:
            return self.score_flaw(check, answers.problems[check])
        if check in answers.pairs or (check == "duplicate" and "near duplicate" in answers.pairs):
            return self.score_pairs(check, answers)
        return None


@cache
def _by_file(plants: tuple[Plant, ...]) -> dict[str, Plant]:
    return {plant.file: plant for plant in plants}


@cache
def _bytes(path: Path) -> bytes:
    return path.read_bytes()


@cache
def _judged(data_set: str, check: str) -> dict[str, bool]:
    """Read which photos, not planted, a person has judged, and whether the check is right about each."""
    with JUDGED.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["set"], row["check"]) == (data_set, check)]
    return {row["photo"]: row["right"] == "yes" for row in rows}


def _connected(links: Iterable[Pair]) -> dict[str, str]:
    """Return the group of each linked file, named by one of its files."""
    home: dict[str, str] = {}

    def top(file: str) -> str:
        while home.setdefault(file, file) != file:
            file = home[file]
        return file

    for one, other in links:
        home[top(one)] = top(other)
    return {file: top(file) for file in list(home)}


def variant_of(plant: Plant) -> str:
    return plant.variant if plant.kind not in OURS else f"{plant.kind} {plant.variant}".strip()
