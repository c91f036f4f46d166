"""Measure accuracy on cats_dogs: a small convnet, plain and augmented, and a frozen EfficientNet-Lite0.

    .venv/bin/python benchmarks/cats_dogs.py ../shared [plain augmented transfer]

The script runs the whole pipeline. The data set's own test photos are a fixed test list. The train and validation
splits are drawn from the other photos, as many as in the write-up (2,000 and 1,000). F. Chollet, "Deep Learning with
Python", 2017, chapter 5, reports validation accuracies of 70-72 % after 30 epochs, and 82 % after 100 epochs with
augmentation and dropout.
"""

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks import measure
from tasks import tables

RUNS = {
    "plain": ["pretrain.encoder=none", "train.network=small_convnet", "preprocess.side_px=150", "train.epochs=30",
              "train.dropout=0", "train.augment={flip: none, rotate_deg: 0, shift: 0, zoom: 0}"],
    "augmented": ["pretrain.encoder=none", "train.network=small_convnet", "preprocess.side_px=150", "train.epochs=45",
                  "train.patience=15", "train.augment={rotate_deg: 15, zoom: 0.2}"],
    "transfer": ["train.recipe=head"],
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("shared", type=Path)
    parser.add_argument("runs", nargs="*", help=f"of {', '.join(RUNS)}; by default all")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        photos, test_list = link_photos(asked.shared.absolute() / "data/cats_dogs", Path(home))
        print("| run | epochs, best | train stage, s | validation | test (95 % interval) |\n|---|---|---|---|---|")
        for name in asked.runs or RUNS:
            data = Path(home) / "data"
            split = [f"filter.test_list={test_list}", "filter.test_fraction=0", "filter.val_fraction=0.25"]
            split += ["filter.drop_near_duplicates=false"]
            command = [measure.FLUKE, "run", "default", f"crawl.path={photos}", *split, *RUNS[name]]
            measure.run(command, data)
            print(f"| {name} | {row(data)} |", flush=True)
        measure.run([measure.FLUKE, "down"], data)


def link_photos(cats_dogs: Path, home: Path) -> tuple[Path, Path]:
    """Link all photos into one folder per class; returns that folder and the list of the test photos."""
    names = ["name"]
    for photo in sorted(cats_dogs.glob("*/*/*")):
        split, label = photo.parts[-3:-1]
        link = home / "photos" / label / f"{split}-{photo.name}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(photo)
        if split == "test":
            names.append(f"{label}/{link.name}")
    test_list = home / "test_list.csv"
    test_list.write_text("\n".join(names) + "\n")
    return home / "photos", test_list


def row(data: Path) -> str:
    """Return the cells of the newest training and evaluation of a data folder."""
    newest = {stage: max((data / "artifacts" / stage).iterdir(), key=lambda f: f.stat().st_mtime) for stage in STAGES}
    manifest = json.loads((newest["train"] / "manifest.json").read_text())
    metrics = json.loads(tables.evaluate.METRICS.path(newest["evaluate"]).read_text())
    history = json.loads(tables.shared.HISTORY.path(newest["train"]).read_text())
    losses, accuracy = history["val_loss"], metrics["test"]["scores"]["accuracy"]
    best = losses.index(min(losses)) + 1
    return (
        f"{len(losses)}, {best} | {manifest['seconds']:.0f} | {metrics['val']['accuracy']:.3f} | "
        f"{accuracy['value']:.3f} ({accuracy['low']:.3f}-{accuracy['high']:.3f})"
    )


STAGES = ("train", "evaluate")

if __name__ == "__main__":
    main()
