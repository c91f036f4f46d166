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
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.comparisons.contact_sheets import write_pairs, write_photos
from benchmarks.comparisons.filter_scores import COPIES, Score, Truth, variant_of
from benchmarks.comparisons.filter_tools import (
    CORRUPT,
    OURS,
    Answers,
    fluke_command,
    of_cleanvision,
    of_fluke,
    of_imagededup,
)
from benchmarks.comparisons.planted_flaws import prepare
from benchmarks.measure import run_tree, scratch

METHODS = ("PHash", "DHash", "AHash", "WHash")
BITS = (0, 2, 4, 6, 8, 10, 12)
DEFAULT_BITS = 10


def ask(truth: Truth, home: Path, cleanvision: Path, imagededup: Path, settings: Sequence[str]) -> list[Answers]:
    """Run all tools; imagededup with each method and number of bits."""
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
    """Print the planted files and those found, then the named files that are not planted."""
    checks = list(dict.fromkeys(OURS.get(plant.kind, plant.kind) for plant in truth.plants))
    scores = {(tool.tool, check): truth.score(check, tool) for tool in answers for check in checks}
    print(f"\n### {truth.data_set}: precision / recall\n")
    print("| check | planted | " + " | ".join(tool.tool for tool in answers) + " |")
    print("|---|---|" + "---|" * len(answers))
    for check in checks:
        variants: dict[str, int] = defaultdict(int)
        for plant in truth.planted(check):
            variants[variant_of(plant)] += 1
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
    """Write contact sheets of files that are not judged yet, and of at most 60 wrong pairs of each tool."""
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
