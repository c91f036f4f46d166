"""Measure class imbalance: macro F1 on trashnet cut to a long tail of 50:1, for each method of the train stage.

    .venv/bin/python benchmarks/long_tail.py ../shared [--seeds 3]

The head of a frozen EfficientNet-Lite0 is trained. The train photos are cut to the tail: the largest class gets as many
photos as the smallest class of the data set has, the smallest a fiftieth of that, the others a number between; each
seed draws a new order of the classes. The validation photos are cut in the same way. The test split, a stratified fifth
of all photos, is not cut.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import mean

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, f1_score

from configs.schema import ImbalanceConfig, PreprocessConfig, TrainConfig
from tasks.images.photos import decode
from tasks.images.tiles import make_tile
from tasks.networks.classifier import feature_extractor, subtract_from_logits, tile_classifier
from tasks.networks.keras_io import predict, seed_everything
from tasks.store.progress import silent
from tasks.train.class_balance import class_weights, log_priors
from tasks.train.fit import LabelledData
from tasks.train.schedule import Schedule

RATIO = 50
METHODS = {
    "none": ImbalanceConfig(method="none"),
    "weights (the default: power 1, cap 10)": ImbalanceConfig(),
    "weights, not capped": ImbalanceConfig(cap=1e6),
    "weights, power 0.5": ImbalanceConfig(power=0.5),
    "effective": ImbalanceConfig(method="effective"),
    "focal": ImbalanceConfig(method="focal"),
    "balanced_softmax": ImbalanceConfig(method="balanced_softmax"),
    "logit_adjustment": ImbalanceConfig(method="logit_adjustment"),
    "retrain_head": ImbalanceConfig(method="retrain_head"),
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
    vectors = predict(feature_extractor(tile_classifier(tiles.shape[1:], len(names), base)), tiles)
    scores: dict[str, list[tuple[float, float]]] = {method: [] for method in METHODS}
    for seed in range(asked.seeds):
        parts = _tail(targets, seed)
        counts = np.bincount(targets[parts["train"]])
        print(f"seed {seed}: train photos {dict(zip(names.tolist(), counts.tolist(), strict=True))}", flush=True)
        for method, imbalance in METHODS.items():
            config = base.model_copy(update={"seed": seed, "imbalance": imbalance})
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
    """Return the positions of the photos in each split."""
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
    """Train a classifier with this config; returns its classes for the test photos."""
    seed_everything(config.seed)
    counts = np.bincount(targets[parts["train"]])
    weights = class_weights(counts, config.imbalance)

    def labelled(part: NDArray[np.int64]) -> LabelledData:
        of_part = targets[part].astype(np.int32)
        return LabelledData(tiles[part], of_part, weights[of_part], [str(photo) for photo in part])

    model = tile_classifier(tiles.shape[1:], len(counts), config)
    with tempfile.TemporaryDirectory() as home:
        Schedule(
            model,
            config,
            labelled(parts["train"]),
            labelled(parts["val"]),
            learning_rate=config.learning_rate,
            extract=lambda network, photos: vectors[[int(name) for name in photos.names]],
            folder=Path(home),
            progress=silent,
        ).run()
    if config.imbalance.method == "logit_adjustment":
        subtract_from_logits(model, log_priors(counts))
    predicted: NDArray[np.int64] = predict(model, tiles[parts["test"]]).argmax(axis=1)
    return predicted


if __name__ == "__main__":
    main()
