"""Compare precision and recall of the filter's checks, of CleanVision's, and of imagededup's hashes, on the same files.

    .venv/bin/python benchmarks/comparisons/filter_quality.py --cleanvision VENV --imagededup VENV
        [--sets trashnet cats_dogs]
        [--photos N] [--rate 0.01] [--seed 0] [--look FOLDER] [SETTING=VALUE ...]

README.md describes the environments, `planted_flaws.py` the flaws. Recall is of the planted files. For precision,
note that real photos have flaws and near duplicates of their own, which a tool may rightly name:

- Pairs, planted or not, are judged by `same_photo.py`, which aligns one photo with the other. Near duplicates are
  judged without the pairs that have the same bytes. A pair in which one file is planted as uniform is not counted.
- Flaws of planted files are known. A flaw that follows from the planted one is not counted (`ALSO`): a uniform
  picture is blurred.
- Flaws of untouched photos (and of copies of them) count as wrong, unless a person has looked at the photo and has
  entered it in judged.csv as rightly named. The second table gives the number of named photos that are not in that
  file. --look writes contact sheets of them, and of the pairs that `same_photo.py` judges as different photos.

So no figure is better than the truth, but one may be worse where nobody has looked yet. Two files count as found
copies if right pairs of the tool connect them. Of more than 2,000 pairs that were not planted, 2,000 are judged, and
the counts are scaled.

CleanVision raises an exception for a file that cannot be decoded, so it only gets files that can be. Its nearest
check to "too small" is "odd size" (unlike most of the folder); this is not counted on copies, since some are shrunk
or cropped. imagededup's thresholds are its default, 10 of 64 bits, and the one with the best F1 of those tried, for
each method.
"""

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.comparisons.contact_sheets import write_pairs, write_photos
from benchmarks.comparisons.filter_tools import (
    CORRUPT,
    OURS,
    Answers,
    Pair,
    fluke_command,
    of_cleanvision,
    of_fluke,
    of_imagededup,
)
from benchmarks.comparisons.planted_flaws import Plant, prepare
from benchmarks.comparisons.same_photo import LIKE, likeness
from benchmarks.measure import run_tree, scratch

METHODS = ("PHash", "DHash", "AHash", "WHash")
BITS = (0, 2, 4, 6, 8, 10, 12)
DEFAULT_BITS = 10
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
"""Planted flaw: what else may rightly be said of such a file."""

MOST_PAIRS = 2000
"""Of a tool's pairs that nobody planted, so many are judged, drawn at random; the counts are scaled."""

COPIES = ("duplicate", "near duplicate", "two classes")


@dataclass(frozen=True)
class Score:
    """Of one check of a tool."""

    right: int = 0
    wrong: int = 0
    found: dict[str, int] = field(default_factory=dict)
    """Planted files that it found, by variant."""
    strange: list[tuple[str, ...]] = field(default_factory=list)
    """Untouched files that nobody has judged yet, or the pairs that are wrong."""
    untouched: int = 0
    """Of the right ones, those that nobody planted."""

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + self.wrong)


@dataclass(frozen=True)
class Truth:
    """What is known of a folder."""

    data_set: str
    photos: Path
    plants: Sequence[Plant]

    def planted(self, check: str) -> list[Plant]:
        return [plant for plant in self.plants if OURS.get(plant.kind, plant.kind) == check]

    def same_photo(self, pair: Pair) -> bool:
        return likeness(*(self.photos / file for file in pair)) >= LIKE

    def right_pair(self, check: str, pair: Pair) -> bool | None:
        """Whether a pair is what a check says; None if it counts neither way."""
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
                found[_variant(plant)] += 1
            elif plant and kind in ALSO:
                wrong += check not in ALSO[kind]
            elif plant and check == "too small":  # CleanVision's is "odd size", which shrunken and cropped copies have
                continue
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
        """By variant. Copies of a photo that is also in another class are rightly told to be that."""
        among = ["two classes"] if check == "two classes" else [*COPIES]
        pairs = {pair for name in among for pair in answers.pairs.get(name, ())}
        home = _connected(pair for pair in pairs if self.known_as_same(pair, search=len(pairs) <= MOST_PAIRS))
        found = defaultdict[str, int](int)
        for plant in self.planted(check):
            found[_variant(plant)] += plant.file in home and home.get(plant.file) == home.get(plant.twin)
        return dict(found)

    def known_as_same(self, pair: Pair, *, search: bool) -> bool:
        """Whether two files show the same photo; search: whether those not planted as that are laid over each other."""
        plants = self._of(pair)
        return any({plant.file, plant.twin} == set(pair) for plant in plants) or (search and self.same_photo(pair))

    def score(self, check: str, answers: Answers) -> Score | None:
        """None if the tool has no such check."""
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
    """Untouched photos that somebody has looked at: whether the check names them rightly."""
    with JUDGED.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["set"], row["check"]) == (data_set, check)]
    return {row["photo"]: row["right"] == "yes" for row in rows}


def _connected(links: Iterable[Pair]) -> dict[str, str]:
    """The group of each file that a link leads to, by the name of one of its files."""
    home: dict[str, str] = {}

    def top(file: str) -> str:
        while home.setdefault(file, file) != file:
            file = home[file]
        return file

    for one, other in links:
        home[top(one)] = top(other)
    return {file: top(file) for file in list(home)}


def _variant(plant: Plant) -> str:
    return plant.variant if plant.kind not in OURS else f"{plant.kind} {plant.variant}".strip()


def ask(truth: Truth, home: Path, cleanvision: Path, imagededup: Path, settings: Sequence[str]) -> list[Answers]:
    """All tools' answers: fluke's, CleanVision's, and imagededup's for each method and number of bits."""
    peers = str(Path(__file__).with_name("peers.py"))
    broken = {plant.file for plant in truth.planted(CORRUPT)}
    whole = sorted({path.relative_to(truth.photos).as_posix() for path in truth.photos.glob("*/*")} - broken)
    (home / "whole.txt").write_text("\n".join(whole))

    def answers(name: str, command: Sequence[str]) -> dict[str, Any]:
        cost = run_tree(command, home / f"{name}.log")
        if cost.status:
            raise SystemExit(f"{name} ended with status {cost.status}:\n{(home / f'{name}.log').read_text()[-2000:]}")
        found: dict[str, Any] = json.loads((home / f"{name}.json").read_text())
        return found

    files = {name: str(home / f"{name}.json") for name in ("fluke", "cleanvision", "imagededup")}
    own = answers("fluke", fluke_command("filter", truth.photos, home / "store", files["fluke"], *settings))
    python = str(cleanvision / "bin" / "python")
    other = [python, peers, "cleanvision", str(truth.photos), files["cleanvision"], "0", str(home / "whole.txt")]
    python = str(imagededup / "bin" / "python")
    hashes = [python, peers, "imagededup", str(truth.photos), files["imagededup"], *map(str, BITS)]
    found = answers("imagededup", hashes)
    rest = [of_imagededup(found, method, bits) for method in METHODS for bits in BITS]
    return [of_fluke(own), of_cleanvision(answers("cleanvision", other)), *rest]


def f1(truth: Truth, answers: Answers) -> float:
    score = truth.score_pairs("near duplicate", answers)
    recall = sum(score.found.values()) / len(truth.planted("near duplicate"))
    return 2 * score.precision * recall / max(1e-9, score.precision + recall)


def tables(truth: Truth, answers: Sequence[Answers]) -> None:
    """Print what is planted and found, and what is named that nobody planted."""
    checks = list(dict.fromkeys(OURS.get(plant.kind, plant.kind) for plant in truth.plants))
    scores = {(tool.tool, check): truth.score(check, tool) for tool in answers for check in checks}
    print(f"\n### {truth.data_set}: precision / recall\n")
    print("| check | planted | " + " | ".join(tool.tool for tool in answers) + " |")
    print("|---|---|" + "---|" * len(answers))
    for check in checks:
        variants: dict[str, int] = defaultdict(int)
        for plant in truth.planted(check):
            variants[_variant(plant)] += 1
        cells = [scores[tool.tool, check] for tool in answers]
        total = sum(variants.values())
        whole = [_cell(score, sum(score.found.values()) / total) if score else "-" for score in cells]
        print(f"| **{check}** | {total} | " + " | ".join(whole) + " |")
        for variant, count in variants.items() if len(variants) > 1 else ():
            parts = [f"{score.found.get(variant, 0) / count:.2f}" if score else "-" for score in cells]
            print(f"| {variant} | {count} | " + " | ".join(parts) + " |")
    print(f"\n### {truth.data_set}: named, but not planted: right + wrong (of the wrong flaws, not looked at)\n")
    print("| check | " + " | ".join(tool.tool for tool in answers) + " |\n|---|" + "---|" * len(answers))
    for check in checks:
        cells = [scores[tool.tool, check] for tool in answers]
        parts = [_stray(score, check) if score else "-" for score in cells]
        print(f"| {check} | " + " | ".join(parts) + " |", flush=True)


def _cell(score: Score, recall: float) -> str:
    precision = f"{score.precision:.2f}" if score.right + score.wrong else "-"
    return f"{precision} / {recall:.2f}"


def _stray(score: Score, check: str) -> str:
    counts = f"{score.untouched} + {score.wrong}"
    return counts if check in COPIES or not score.strange else f"{counts} ({len(score.strange)})"


def look(truth: Truth, answers: Sequence[Answers], folder: Path) -> None:
    """Write contact sheets of what nobody has judged, and of at most 60 wrong pairs of each tool."""
    unseen: dict[str, set[str]] = defaultdict(set)
    for tool in answers:
        for check in [*tool.problems, *tool.pairs]:
            score = truth.score(check, tool)
            if not score or not score.strange:
                continue
            if check in tool.problems:
                unseen[check] |= {file for (file,) in score.strange}
            else:
                chosen = np.random.default_rng(0).permutation(sorted(score.strange))[:60].tolist()
                write_pairs(chosen, truth.photos, folder / f"{truth.data_set} {tool.tool} {check}.jpg")
    for check, files in unseen.items():
        write_photos(sorted(files), truth.photos, folder / f"{truth.data_set} {check}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cleanvision", type=Path, required=True)
    parser.add_argument("--imagededup", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=["trashnet", "cats_dogs"])
    parser.add_argument("--photos", type=int)
    parser.add_argument("--rate", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--look", type=Path)
    given, settings = parser.parse_known_args()
    cv2.setNumThreads(1)
    for data_set in given.sets:
        with scratch() as home:
            plants = prepare(data_set, home, photos=given.photos, rate=given.rate, seed=given.seed)
            truth = Truth(data_set, home / "photos", plants)
            fluke, cleanvision, *hashes = ask(truth, home, given.cleanvision, given.imagededup, settings)
            by_f1 = {tool.tool: f1(truth, tool) for tool in hashes}
            best = max(hashes, key=lambda tool: by_f1[tool.tool])
            usual = [tool for tool in hashes if tool.tool.endswith(f" {DEFAULT_BITS} bits")]
            shown = [fluke, cleanvision, *usual, *([best] if best not in usual else [])]
            tables(truth, shown)
            print(f"\nBest of imagededup's by F1 of near duplicates: {best.tool}; each method's best: ", end="")
            print(", ".join(_best_of(method, by_f1) for method in METHODS))
            if given.look:
                look(truth, [fluke, cleanvision, best], given.look)


def _best_of(method: str, by_f1: dict[str, float]) -> str:
    ours = {tool: value for tool, value in by_f1.items() if f" {method}," in tool}
    tool = max(ours, key=lambda name: ours[name])
    return f"{tool.removeprefix('imagededup ')} ({ours[tool]:.3f})"


if __name__ == "__main__":
    main()
