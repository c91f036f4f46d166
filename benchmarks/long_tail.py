"""Measure class imbalance: macro F1 on trashnet cut to a long tail of 50:1, with the default and with each method.

    .venv/bin/python benchmarks/long_tail.py ../shared [--seeds 3] [--methods default none logit_adjustment ...]

The whole pipeline runs with the preset `default`; a method is a value of `train.imbalance`, with logistic regression on
the features as the recipe. The train photos are cut to the tail: the largest class gets as many photos as the smallest
class of the data set has, the smallest a fiftieth of that, the others a number between; each seed draws a new order of
the classes. The validation photos are cut in the same way. The test split, a stratified fifth of all photos, is not
cut. The photos lie in folders train, val and test, which fluke takes as the split.
"""

import argparse
import json
from pathlib import Path
from statistics import mean

import numpy as np

from benchmarks import measure
from tasks import tables

RATIO = 50
DEFAULT = "default"
METHODS = (DEFAULT, "none", "weights", "effective", "logit_adjustment")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("shared", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    asked = parser.parse_args()
    scores: dict[str, list[tuple[float, float, float]]] = {method: [] for method in asked.methods}
    with measure.scratch() as home, measure.server(home / "data"):
        for seed in range(asked.seeds):
            photos = home / f"seed-{seed}"
            counts = link_tail(asked.shared.absolute() / "data/trashnet", photos, seed)
            print(f"seed {seed}: train photos {counts}", flush=True)
            for method in asked.methods:
                settings = [] if method == DEFAULT else [f"train.imbalance={method}", "train.recipe=logistic"]
                common = [f"crawl.path={photos}", f"train.seed={seed}", "filter.duplicate_bits=null"]
                cost = measure.run([measure.FLUKE, "run", "default", *common, *settings], home / "data")
                scores[method].append((*_scores(home / "data"), cost.seconds))
    print("| `train.imbalance` | macro F1, mean | each seed | balanced accuracy | s |\n|---|---|---|---|---|")
    for method, found in scores.items():
        f1, balanced, seconds = ([each[i] for each in found] for i in range(3))
        each = ", ".join(f"{value:.3f}" for value in f1)
        print(f"| {method} | {mean(f1):.3f} | {each} | {mean(balanced):.3f} | {mean(seconds):.0f} |")


def link_tail(trashnet: Path, folder: Path, seed: int) -> dict[str, int]:
    """Link the photos of a tail into train, val and test below a folder; returns the train photos of each class."""
    random = np.random.default_rng(seed)
    classes = sorted(path.name for path in trashnet.iterdir() if path.is_dir())
    files = {label: sorted((trashnet / label).iterdir()) for label in classes}
    place = random.permutation(len(classes))
    most = min(map(len, files.values()))
    counts = {}
    for position, label in zip(place, classes, strict=True):
        photos = [files[label][i] for i in random.permutation(len(files[label]))]
        tested = len(photos) // 5
        counts[label] = max(2, round(most * RATIO ** (-position / (len(classes) - 1))))
        validated = max(1, counts[label] // 6)
        parts = {"test": (0, tested), "val": (tested, tested + validated)}
        parts["train"] = (tested + validated, tested + validated + counts[label])
        for part, (start, end) in parts.items():
            home = folder / part / label
            home.mkdir(parents=True)
            for photo in photos[start:end]:
                (home / photo.name).symlink_to(photo)
    return counts


def _scores(data: Path) -> tuple[float, float]:
    """Return macro F1 and balanced accuracy of the newest evaluation."""
    newest = max((data / "artifacts/evaluate").iterdir(), key=lambda folder: folder.stat().st_mtime)
    scores = json.loads(tables.evaluate.METRICS.path(newest).read_text())["test"]["scores"]
    return scores["macro_f1"]["value"], scores["balanced_accuracy"]["value"]


if __name__ == "__main__":
    main()
