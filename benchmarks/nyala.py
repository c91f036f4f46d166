"""Measure recognition of individuals: mAP@5 on nyala, one photo held out per individual with four or more.

    .venv/bin/python benchmarks/nyala.py ../shared [--epochs 25] [--seed 0]

The methods are: always predict the individuals with most photos; a frozen EfficientNet-Lite0 with logistic
regression; the same network fine-tuned with a softmax head and with an ArcFace head, each with its own predictions,
with its nearest train photos, and with both. A held-out photo with a near duplicate among the train photos is left
out of the test. No setting is chosen on the held-out photos.
"""

import argparse
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from configs.schema import AugmentConfig, ImbalanceConfig, PreprocessConfig, TrainConfig
from tasks.images.photos import decode
from tasks.images.tiles import make_tile
from tasks.inference.arrays import ScoredPredictions, softmax
from tasks.inference.scores import score
from tasks.networks.classifier import feature_extractor, tile_classifier
from tasks.networks.keras_io import predict, seed_everything
from tasks.store.progress import silent
from tasks.train import class_balance
from tasks.train.fit import LabelledData
from tasks.train.schedule import Schedule

AT_LEAST = 4
_PHOTOS = ((3, 5), (6, 11), (12, 30))
"""Groups of the table: from and to how many train photos the individual has."""
TWINS = 0.985
"""Cosine of pooled features above which two photos count as the same shot."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("shared", type=Path)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--side-px", type=int, default=224)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--unfreeze-rate", type=float, default=0.2)
    parser.add_argument("--heads", nargs="+", default=["softmax", "arcface"])
    asked = parser.parse_args()
    table = pd.read_csv(asked.shared / "data/nyala/labels.csv")
    preprocess = PreprocessConfig(side_px=asked.side_px)
    tiles = np.stack(
        [
            make_tile(decode((asked.shared / "data/nyala/images" / name).read_bytes()), preprocess)
            for name in table["Image"]
        ]
    )
    names, targets = np.unique(table["Id"].astype(str), return_inverse=True)
    held_out = _held_out(targets, asked.seed)
    config = TrainConfig(
        input="tiles",
        network="efficientnet_lite0",
        weights=asked.shared / "weights/efficientnet_lite0_imagenet.keras",
        unfreeze=("all",),
        unfreeze_rate=asked.unfreeze_rate,
        head_epochs=15,
        epochs=asked.epochs,
        dropout=0.2,
        imbalance=ImbalanceConfig(power=0.5),
        augment=AugmentConfig(flip="none", rotate_deg=10, shift=0.1, zoom=0.15, rand_augment=1),
        seed=asked.seed,
    )
    frozen = predict(feature_extractor(tile_classifier(tiles.shape[1:], len(names), config)), tiles)
    unit = frozen / np.linalg.norm(frozen, axis=1, keepdims=True)
    twins = (unit[held_out] @ unit[~held_out].T).max(1) > TWINS
    print(
        f"{len(names)} individuals, {(~held_out).sum()} train photos, {held_out.sum()} held out, "
        f"{twins.sum()} of them left out as twins of train photos"
    )
    held_out[np.flatnonzero(held_out)[twins]] = False
    is_train = ~held_out
    is_train[np.flatnonzero(_held_out(targets, asked.seed))[twins]] = False
    counts = np.bincount(targets[is_train], minlength=len(names))

    def report(name: str, scores: NDArray[np.floating], seconds: float) -> None:
        answers = ScoredPredictions.of(targets[held_out], softmax(scores))
        found, many = score(answers, 5), counts[targets[held_out]]
        each = np.where(answers.rank <= 5, 1 / answers.rank, 0)
        cells = [f"{each[(many >= low) & (many <= high)].mean():.3f}" for low, high in _PHOTOS]
        row = [name, f"{found['map_at_5']:.3f}", *cells, f"{found['accuracy']:.3f}", f"{seconds:.0f}"]
        print(f"| {' | '.join(row)} |", flush=True)

    parts = " | ".join(f"{low}-{high} train photos" for low, high in _PHOTOS)
    print(f"| method | mAP@5 | {parts} | accuracy | s |\n|---|---|---|---|---|---|---|")
    report("individuals with most photos", np.broadcast_to(np.log(counts + 1), (held_out.sum(), len(names))), 0)
    began = time.monotonic()
    scaler = StandardScaler().fit(frozen[is_train])
    regression = LogisticRegression(C=0.1, max_iter=500).fit(scaler.transform(frozen[is_train]), targets[is_train])
    answers = np.full((held_out.sum(), len(names)), -1e9)
    answers[:, regression.classes_] = regression.decision_function(scaler.transform(frozen[held_out]))
    report("frozen, logistic regression", answers, time.monotonic() - began)
    report("frozen, nearest photos", _nearest(frozen, targets, is_train, held_out, len(names)), 0)
    for head in asked.heads:
        began = time.monotonic()
        model = _train(config.model_copy(update={"head": head}), tiles[is_train], targets[is_train], counts)
        seconds = time.monotonic() - began
        own = predict(model, tiles[held_out])
        features = predict(feature_extractor(model), tiles)
        near = _nearest(features, targets, is_train, held_out, len(names))
        report(f"fine-tuned, {head}", own, seconds)
        report(f"fine-tuned, {head}, nearest photos", near, seconds)
        report(f"fine-tuned, {head}, both", np.log(softmax(own) + softmax(20 * near)), seconds)


def _held_out(targets: NDArray[np.integer], seed: int) -> NDArray[np.bool_]:
    """Choose one photo of each individual that has enough."""
    random = np.random.default_rng(seed)
    held_out = np.zeros(len(targets), bool)
    for individual in np.unique(targets):
        photos = np.flatnonzero(targets == individual)
        if len(photos) >= AT_LEAST:
            held_out[random.choice(photos)] = True
    return held_out


def _nearest(
    features: NDArray[np.floating],
    targets: NDArray[np.integer],
    is_train: NDArray[np.bool_],
    held_out: NDArray[np.bool_],
    n: int,
) -> NDArray[np.floating]:
    """Return the cosine of each held-out photo with the nearest train photo of each individual, `(photos, n)`."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    cosines = unit[held_out] @ unit[is_train].T
    best = np.full((len(cosines), n), -1.0)
    for column, individual in enumerate(targets[is_train]):
        best[:, individual] = np.maximum(best[:, individual], cosines[:, column])
    return best


def _train(
    config: TrainConfig, tiles: NDArray[np.uint8], targets: NDArray[np.integer], counts: NDArray[np.integer]
) -> keras.Model:
    seed_everything(config.seed)
    weights = class_balance.class_weights(np.maximum(counts, 1), config.imbalance)
    model = tile_classifier(tiles.shape[1:], len(counts), config)
    labelled = LabelledData(tiles, targets.astype(np.int32), weights[targets])
    with tempfile.TemporaryDirectory() as home:
        Schedule(
            model,
            config,
            labelled,
            None,
            learning_rate=config.learning_rate,
            extract=lambda network, photos: predict(network, photos.rows),
            folder=Path(home),
            progress=silent,
        ).run()
    return model


if __name__ == "__main__":
    main()
