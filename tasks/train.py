"""Train the classifier on features, or on tiles, of the train split; validation decides when to stop."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from configs.schema import TrainConfig
from tasks.support import digest, modules
from tasks.support.errors import UserError
from tasks.support.job import Job
from tasks.support.manifest import Result
from tasks.support.pool import INDEX, Rows
from tasks.support.stage import Stage

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from tasks.networks.classifier import Moments
    from tasks.support.batches import Batches

VERSION = 1
_CHUNK = 256

logger = logging.getLogger("fluke.train")


def class_weights(
    counts: NDArray[np.integer], kind: Literal["none", "balanced", "sqrt"], cap: float
) -> NDArray[np.float32]:
    """What a photo of each class counts in the loss, float32 `(classes,)`; over all photos the mean is 1.

    counts: train photos of each class, `(classes,)`, all at least 1.
    kind: all alike, 1/count, or 1/sqrt(count). cap: the heaviest photo counts at most so many times the
    lightest.
    """
    power = {"none": 0.0, "balanced": 1.0, "sqrt": 0.5}[kind]
    weights: NDArray[np.float64] = counts.astype(np.float64) ** -power
    weights = np.minimum(weights, cap * weights.min())
    weights *= counts.sum() / np.dot(weights, counts)
    return weights.astype(np.float32)


def channel_moments(features: Rows | NDArray[np.floating]) -> "Moments":
    """Mean and variance of each channel of features `(n, h, w, c)`, float32 `(c,)` both; read in pieces."""
    total: NDArray[np.float64] | float = 0.0
    squares: NDArray[np.float64] | float = 0.0
    values = 0
    for start in range(0, len(features), _CHUNK):
        chunk = features[start : start + _CHUNK].astype(np.float64)
        flat = chunk.reshape(-1, chunk.shape[-1])
        total, squares, values = total + flat.sum(0), squares + np.square(flat).sum(0), values + len(flat)
    mean = np.asarray(total / values)
    variance = np.maximum(squares / values - np.square(mean), 0)
    return mean.astype(np.float32), variance.astype(np.float32)


def build_classifier(config: TrainConfig, *, kept: Path, inputs: Path, job: Job) -> Result:
    """Train a classifier and write it with the names of its classes and its history.

    inputs: the folder of the tiles or of the features.
    """
    import pandas as pd

    from tasks.networks.training import make_reproducible, weights_digest
    from tasks.support.batches import Batches, held

    photos = pd.read_parquet(kept / "kept.parquet", columns=["photo", "label", "split"])
    index = pd.read_parquet(inputs / INDEX).set_index("photo", drop=False)
    train = photos[photos["split"] == "train"]
    labels = sorted(set(train["label"]))
    if len(labels) < 2:
        found = f"only {labels[0]!r} has photos" if labels else "there is no photo"
        raise UserError(f"filter: {found} to train on; a classifier needs two classes")
    val = photos[(photos["split"] == "val") & photos["label"].isin(labels)]
    if val.empty:
        logger.warning("no photo to validate on: the training loss decides when to stop")

    make_reproducible(config.seed)
    counts = train["label"].value_counts()[labels].to_numpy()
    weights = class_weights(counts, config.class_weight, config.class_weight_cap)

    def batches(part: "pd.DataFrame", rows: Rows | NDArray[Any], seed: int | None = None) -> Batches:
        targets = np.searchsorted(labels, part["label"]).astype(np.int32)
        return Batches(rows, targets, weights[targets], batch_size=config.batch_size, seed=seed)

    rows = held(Rows(index.loc[train["photo"]], job.root))
    model = _network(config, rows, len(labels))
    history = _fit(
        model,
        batches(train, rows, config.seed),
        None if val.empty else batches(val, held(Rows(index.loc[val["photo"]], job.root))),
        config,
        job,
    )
    model.save(job.out / "classifier.keras")
    (job.out / "labels.json").write_text(json.dumps(labels, ensure_ascii=False, indent=1))
    (job.out / "history.json").write_text(json.dumps(history, indent=1))
    monitored = history["loss" if val.empty else "val_loss"]
    made = {"photos": len(train), "classes": len(labels), "epochs": len(monitored)}
    made |= {"best epoch": int(np.argmin(monitored)) + 1, "parameters": model.count_params()}
    return Result(made, digest=digest.of_value([labels, weights_digest(model)]))


def _network(config: TrainConfig, rows: Rows | NDArray[Any], classes: int) -> "keras.Model":
    from tasks.networks.classifier import feature_classifier, tile_classifier

    backbone = modules.load("tasks.networks.backbones", config.network).backbone
    height, width, channels = rows[:1].shape[1:]
    shape = (height, width, channels)
    if config.input == "tiles":
        return tile_classifier(shape, classes, backbone, config)
    return feature_classifier(shape, classes, backbone, config, channel_moments(rows))


def _fit(
    model: "keras.Model", train: "Batches", val: "Batches | None", config: TrainConfig, job: Job
) -> dict[str, list[float]]:
    """Train until the validation loss (without any, the training loss) stops falling; keep the best."""
    import keras

    from tasks.networks.training import Watch, warm_cosine

    rate = warm_cosine(config.learning_rate, config.epochs * len(train))
    optimizer = keras.optimizers.AdamW(rate, weight_decay=config.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    model.compile(
        optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )
    stop = keras.callbacks.EarlyStopping(
        "val_loss" if val else "loss", mode="min", patience=config.patience, restore_best_weights=True
    )
    with job.progress("training", total=config.epochs) as advance:
        history = model.fit(
            train,
            validation_data=val,
            epochs=config.epochs,
            shuffle=False,
            callbacks=[Watch(advance, "train", config.learning_rate), stop],
            verbose=0,
        ).history
    return {name: [float(value) for value in values] for name, values in history.items()}


STAGE = Stage(
    "train", VERSION, build=build_classifier, loads=lambda config: [f"tasks.networks.backbones.{config.network}"]
)
