"""Measure class imbalance: macro F1 on trashnet cut to a long tail of 50:1, for each method of the train stage.

    .venv/bin/python benchmarks/long_tail.py ../shared [--seeds 3]

The head of a frozen EfficientNet-Lite0 is trained. The train photos are cut to the tail: the largest class gets as
many photos as the smallest class of the data set has, the rarest a fiftieth of that, the others a number between;
each seed draws a new order of the classes. The validation photos are cut likewise. The test split, a stratified fifth
of all photos, is not cut.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import mean

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, f1_score

from configs.schema import PreprocessConfig, TrainConfig
from tasks.images.photos import decode
from tasks.images.tiles import make_tile
from tasks.networks.classifier import pooled, subtract_log_shares, tile_classifier
from tasks.networks.keras_io import make_reproducible, predict
from tasks.store.progress import silent
from tasks.train.class_balance import class_weights, log_shares
from tasks.train.fit import Labelled
from tasks.train.schedule import Recipe

RATIO = 50
METHODS: dict[str, dict[str, object]] = {
    "none": {"class_weight": "none"},
    "class_weight: balanced (the default, capped at 10)": {"class_weight": "balanced"},
    "class_weight: balanced, not capped": {"class_weight": "balanced", "class_weight_cap": 1e6},
    "class_weight: sqrt": {"class_weight": "sqrt"},
    "class_weight: effective": {"class_weight": "effective"},
    "loss: focal": {"class_weight": "none", "loss": "focal"},
    "loss: balanced_softmax": {"class_weight": "none", "loss": "balanced_softmax"},
    "logit_adjustment: 1": {"class_weight": "none", "logit_adjustment": 1},
    "retrain_head: 20": {"class_weight": "none", "retrain_head": 20},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("shared", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    files = sorted((asked.shared / "data/trashnet").glob("*/*"))
    names, targets = np.unique([path.parent.name for path in files], return_inverse=True)
    preprocess = PreprocessConfig(side_px=224)
    tiles = np.stack([make_tile(decode(path.read_bytes()), preprocess) for path in files])
    base = TrainConfig(
        input="tiles",
        network="efficientnet_lite0",
        weights=asked.shared / "weights/efficientnet_lite0_imagenet.keras",
        head_epochs=40,
    )
    vectors = predict(pooled(tile_classifier(tiles.shape[1:], len(names), base)), tiles)
    scores: dict[str, list[tuple[float, float]]] = {method: [] for method in METHODS}
    for seed in range(asked.seeds):
        parts = _tail(targets, seed)
        counts = np.bincount(targets[parts["train"]])
        print(f"seed {seed}: train photos {dict(zip(names.tolist(), counts.tolist(), strict=True))}", flush=True)
        for method, settings in METHODS.items():
            config = base.model_copy(update={"seed": seed, **settings})
            answers = _answers(config, tiles, vectors, targets, parts)
            truth = targets[parts["test"]]
            scores[method].append(
                (f1_score(truth, answers, average="macro"), float(balanced_accuracy_score(truth, answers)))
            )
    print("| method | macro F1, mean | each seed | against none | balanced accuracy |\n|---|---|---|---|---|")
    for method, found in scores.items():
        f1 = [each[0] for each in found]
        gain = mean(ours - none[0] for ours, none in zip(f1, scores["none"], strict=True))
        each = ", ".join(f"{value:.3f}" for value in f1)
        print(f"| {method} | {mean(f1):.3f} | {each} | {gain:+.3f} | {mean(b for _, b in found):.3f} |")


def _tail(targets: NDArray[np.integer], seed: int) -> dict[str, NDArray[np.int64]]:
    """Positions of the photos in each split."""
    random = np.random.default_rng(seed)
    classes = len(np.unique(targets))
    place = random.permutation(classes)
    parts: dict[str, list[NDArray[np.int64]]] = {"train": [], "val": [], "test": []}
    most = min(np.bincount(targets))
    for label in range(classes):
        photos = random.permutation(np.flatnonzero(targets == label))
        tested = len(photos) // 5
        left = photos[tested:]
        kept = max(2, round(most * RATIO ** (-place[label] / (classes - 1))))
        measured = max(1, kept // 6)
        parts["test"].append(photos[:tested])
        parts["val"].append(left[:measured])
        parts["train"].append(left[measured : measured + kept])
    return {part: np.concatenate(photos) for part, photos in parts.items()}


def _answers(
    config: TrainConfig,
    tiles: NDArray[np.uint8],
    vectors: NDArray[np.floating],
    targets: NDArray[np.integer],
    parts: dict[str, NDArray[np.int64]],
) -> NDArray[np.integer]:
    """The classes that a classifier trained in this way names for the test photos."""
    make_reproducible(config.seed)
    counts = np.bincount(targets[parts["train"]])
    weights = class_weights(counts, config.class_weight, config.class_weight_cap, config.effective_beta)

    def labelled(part: NDArray[np.int64]) -> Labelled:
        of_part = targets[part].astype(np.int32)
        return Labelled(tiles[part], of_part, weights[of_part], [str(photo) for photo in part])

    model = tile_classifier(tiles.shape[1:], len(counts), config)
    with tempfile.TemporaryDirectory() as home:
        Recipe(
            model,
            config,
            labelled(parts["train"]),
            labelled(parts["val"]),
            peak=config.learning_rate,
            pooled=lambda network, photos: vectors[[int(name) for name in photos.names]],
            home=Path(home),
            progress=silent,
        ).run()
    if config.logit_adjustment:
        subtract_log_shares(model, log_shares(counts), config.logit_adjustment)
    predicted: NDArray[np.int64] = predict(model, tiles[parts["test"]]).argmax(axis=1)
    return predicted


if __name__ == "__main__":
    main()
