"""Does a ResNet that fluke trains from scratch reach what torchvision's recipe gives on the same tiles?

    .venv/bin/python benchmarks/comparisons/resnet_from_scratch.py ../shared --torch TORCH [--depths 18]

TORCH is a virtual environment with PyTorch and NumPy. For each data set, depth and seed, `fluke run animals_writeup`
trains the network; then `torch_resnet.py` trains the same network on the tiles and the split of that run, for as many
epochs. Both are scored by accuracy on the same test photos. The interval of the difference is that of a paired
bootstrap over the groups of the test photos.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks import measure
from benchmarks.twenty_lines import Run, paired_bootstrap, scored, settings_of
from tasks.inference.arrays import ScoredPredictions
from tasks.inference.scores import score

_TORCH_SCRIPT = Path(__file__).with_name("torch_resnet.py")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("shared", type=Path)
    parser.add_argument("--torch", type=Path, required=True, help="virtual environment with PyTorch")
    parser.add_argument("--sets", nargs="+", choices=("trashnet", "cats_dogs"), default=["trashnet", "cats_dogs"])
    parser.add_argument("--depths", type=int, nargs="+", choices=(18, 34), default=[18, 34])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--side-px", type=int, default=64)
    asked = parser.parse_args()
    columns = [
        "data",
        "network",
        "seed",
        "test photos",
        "fluke",
        "torchvision's recipe",
        "difference",
        "s",
        "PyTorch, s",
    ]
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    for name in asked.sets:
        for depth in asked.depths:
            for seed in asked.seeds:
                row = _compare(name, depth, seed, asked)
                print(f"| {' | '.join(row)} |", flush=True)


def _compare(name: str, depth: int, seed: int, asked: argparse.Namespace) -> list[str]:
    with measure.scratch() as home:
        data = home / "data"
        settings = [
            *settings_of(name, asked.shared.absolute() / "data", home),
            f"preprocess.side_px={asked.side_px}",
            f"train.network=resnet{depth}",
            f"train.epochs={asked.epochs}",
            f"train.patience={asked.epochs}",
            f"train.seed={seed}",
            "train.metric=accuracy",
        ]
        with measure.server(data):
            began = time.monotonic()
            measure.run([measure.FLUKE, "run", "animals_writeup", *settings], data)
            ours_s = time.monotonic() - began
        run = Run.newest(data)
        tiles, answers = home / "tiles.npz", home / "answers.npy"
        labels, targets = np.unique(run.photos["label"], return_inverse=True)
        train, test = (np.flatnonzero(run.photos["split"] == part) for part in ("train", "test"))
        np.savez(tiles, train=run.tiles[train], test=run.tiles[test], labels=targets[train])
        words = [asked.torch / "bin/python", _TORCH_SCRIPT, tiles, answers, "--depth", depth, "--epochs", asked.epochs]
        began = time.monotonic()
        subprocess.run([*map(str, words), "--seed", str(seed)], check=True, stdout=sys.stderr)
        theirs_s = time.monotonic() - began
        truth, groups = targets[test], run.photos["group"].to_numpy()[test]
        ours = scored(run.answers.loc[run.photos["photo"][test]], truth, labels)
        theirs = ScoredPredictions.of(truth, np.load(answers))
        value, low, high = paired_bootstrap("accuracy", ours, theirs, groups)
        cells = [name, f"resnet{depth}", str(seed), str(len(test))]
        cells += [f"{score(who, 5)['accuracy']:.3f}" for who in (ours, theirs)]
        return [*cells, f"{value:+.3f} ({low:+.3f}..{high:+.3f})", f"{ours_s:.0f}", f"{theirs_s:.0f}"]


if __name__ == "__main__":
    main()
