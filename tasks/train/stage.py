"""Train the classifier on tiles or features of the train split; the validation loss decides when to stop."""

import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from configs.schema import TrainConfig
from tasks.held_out import held_out, memory_of
from tasks.store import hashing
from tasks.store.context import StageContext
from tasks.store.errors import UserError
from tasks.store.manifest import Result
from tasks.store.shards import LazyRows, ShardPool, names_by_content
from tasks.store.stage import Stage
from tasks.store.store import Store
from tasks.tables import CLASSIFIER, HISTORY, INDEX, LABELS
from tasks.train import class_balance, warm_start
from tasks.train.same_photos import accept_stale, photos_digest, trained_and_validated

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from tasks.networks.classifier import Moments
    from tasks.train.fit import LabelledData
    from tasks.train.schedule import Extract

VERSION = 2
_CHUNK = 256
_WARM_RATE = 0.3
"""Factor of the learning rate for a training that starts from an earlier classifier."""

logger = logging.getLogger("fluke.train")


def channel_moments(features: LazyRows | NDArray[np.floating]) -> "Moments":
    """Compute the mean and variance of each channel, reading the features in chunks.

    Args:
        features: `(n, h, w, c)`.

    Returns:
        Mean and variance, both float32 `(c,)`.
    """
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


def external_inputs(config: TrainConfig, root: Path) -> dict[str, str | int]:
    """Return the digest of the file of pretrained weights, if `train.weights` is a path.

    Raises:
        UserError: the file cannot be read.
    """
    if not isinstance(config.weights, Path):
        return {}
    return {"weights": hashing.of_user_file(config.weights, "train.weights")}


def build_classifier(config: TrainConfig, *, kept: Path, inputs: Path, context: StageContext) -> Result:
    """Train a classifier and write it with the names of its classes and its history.

    A killed training continues from its last checkpoint.

    Args:
        config: the settings.
        kept: folder of the filter's artifact.
        inputs: folder of the tiles' or the features' artifact.
        context: where to write, and how to report.

    Raises:
        UserError: there are train photos of fewer than two classes, the training diverged, or memory is too small.
    """

    from tasks.networks import hardware
    from tasks.networks.classifier import subtract_from_logits
    from tasks.networks.keras_io import predict, seed_everything, weights_digest
    from tasks.train.schedule import Schedule

    train, val = trained_and_validated(kept)
    labels = sorted(set(train["label"]))
    if len(labels) < 2:
        found = f"only {labels[0]!r} has photos" if labels else "there is no photo"
        raise UserError(f"train: {found} to train on; a classifier needs photos of two classes")
    hardware.enable_memory_growth()
    base = find_base(config, kept, labels, inputs, context)
    under_way = _under_way(config, kept, inputs, base, context)

    seed_everything(config.seed)
    index = INDEX.read(inputs).set_index("photo", drop=False)
    counts = train["label"].value_counts()[labels].to_numpy()
    weights = class_balance.class_weights(counts, config.imbalance)
    train_data, val_data = (
        _labelled_data(part, index, labels, weights, context.root) if len(part) else None for part in (train, val)
    )
    assert train_data is not None
    _warn_about_settings(config, train_data, val_data, context)
    with hardware.dtype_policy(config.precision), hardware.strategy_scope(config):
        model = _classifier(config, train_data.rows, len(labels))
        if base:
            _start_from(base, model, labels)
        schedule = Schedule(
            model,
            config,
            train_data,
            val_data,
            learning_rate=config.learning_rate * (_WARM_RATE if base else 1),
            extract=(lambda network, part: predict(network, part.rows))
            if base
            else _pooled_features(config, index, context),
            folder=under_way,
            progress=context.progress,
        )
        schedule.run()
    with hardware.dtype_policy("float32"):  # gives the same predictions on every machine
        finished = _classifier(config, train_data.rows, len(labels))
    finished.set_weights(model.get_weights())
    strength = config.imbalance.strength if config.imbalance.method == "logit_adjustment" else 0.0
    subtracted = strength * class_balance.log_priors(counts)
    if strength:
        subtract_from_logits(finished, subtracted)

    finished.save(CLASSIFIER.path(context.out))
    for file, value in ((LABELS, labels), (HISTORY, schedule.history)):
        file.path(context.out).write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")
    photos = photos_digest(kept, inputs)
    warm_start.write_lineage(
        context.out, base, set(train["photo"]), subtracted.tolist(), memory=memory_of(kept), photos=photos
    )
    if (under_way / "tensorboard").exists():
        shutil.copytree(under_way / "tensorboard", context.out / "tensorboard")
    shutil.rmtree(under_way, ignore_errors=True)
    made: dict[str, Any] = {"photos": len(train), "classes": len(labels), "epochs": len(schedule.history["loss"])}
    made |= {"best epoch": schedule.best_epoch, "parameters": finished.count_params()}
    content: list[Any] = [labels, weights_digest(finished)]
    if strength and config.head != "softmax":  # an offset, which is not among the weights
        content.append(subtracted.tolist())
    return Result(made, digest=hashing.of_value(content))


def _start_from(base: warm_start.Base, model: "keras.Model", labels: Sequence[str]) -> None:
    """Initialise a model with the weights of an earlier classifier."""
    from tasks.networks.classifier import init_from, subtract_from_logits
    from tasks.networks.keras_io import load

    earlier = load(CLASSIFIER.path(base.folder))
    if any(base.subtracted):  # otherwise each run would subtract once more
        subtract_from_logits(earlier, -np.array(base.subtracted, np.float32))
    new = init_from(model, labels, earlier, base.labels)
    logger.info("starts from %s: %d of %d classes are new", base.folder.name, new, len(labels))


def find_base(
    config: TrainConfig, kept: Path, labels: Sequence[str], inputs: Path, context: StageContext
) -> warm_start.Base | None:
    """Find the earlier classifier to start from, if `train.warm_start` is set; see `warm_start.find`."""
    if not config.warm_start:
        return None
    return warm_start.find(
        Store(context.root),
        config,
        VERSION,
        inputs=inputs,
        labels=labels,
        excluded=held_out(kept),
        memory=memory_of(kept),
        external_inputs=external_inputs(config, context.root),
    )


def _under_way(
    config: TrainConfig, kept: Path, inputs: Path, base: warm_start.Base | None, context: StageContext
) -> Path:
    """Return the folder for the unfinished training; its name is a digest of all that decides the result."""
    from tasks.networks import hardware

    inputs_of_training = [
        VERSION,
        context.source,
        photos_digest(kept, inputs),
        hardware.compute_signature(config.precision),
        config.model_dump(mode="json"),
        external_inputs(config, context.root),
    ]
    folder = context.pools / "under-way" / hashing.of_value([*inputs_of_training, base.digest if base else None])[:24]
    if context.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    return folder


def _labelled_data(
    photos: "pd.DataFrame", index: "pd.DataFrame", labels: Sequence[str], weights: NDArray[np.float32], root: Path
) -> "LabelledData":
    from tasks.networks.batches import load_if_fits
    from tasks.train.fit import LabelledData

    targets = np.searchsorted(labels, photos["label"]).astype(np.int32)
    found = index.loc[photos["photo"]]
    return LabelledData(load_if_fits(LazyRows(found, root)), targets, weights[targets], names_by_content(found))


def _warn_about_settings(
    config: TrainConfig, train: "LabelledData", val: "LabelledData | None", context: StageContext
) -> None:
    """Say which settings have no effect with these photos."""
    from tasks.train.augment import RGB_CHANNELS

    if val is None:
        averaged = ", and train.ema has no effect" if config.ema else ""
        context.warn(
            f"no validation photos: the training loss decides when to stop{averaged}; add photos, or raise "
            "filter.val_fraction"
        )
    if config.input == "tiles" and config.augment.rand_augment and train.rows[:1].shape[-1] != RGB_CHANNELS:
        context.warn(
            "train.augment.rand_augment has no effect: it needs RGB tiles, and these are grey "
            "(preprocess.colour=rgb makes RGB tiles)"
        )


def _classifier(config: TrainConfig, rows: LazyRows | NDArray[Any], classes: int) -> "keras.Model":
    """Build a classifier of rows `(n, h, w, c)` with an untrained head."""
    from tasks.networks.classifier import feature_classifier, tile_classifier

    height, width, channels = rows[:1].shape[1:]
    shape = (height, width, channels)
    if config.input == "tiles":
        return tile_classifier(shape, classes, config)
    return feature_classifier(shape, classes, config, channel_moments(rows))


def _pooled_features(config: TrainConfig, index: "pd.DataFrame", context: StageContext) -> "Extract":
    """Return a function that keeps a frozen network's features in a pool, so that each photo is computed once."""
    import pandas as pd

    from tasks.networks import hardware
    from tasks.networks.batches import load_if_fits
    from tasks.networks.keras_io import predict

    tiles = index.set_index(pd.Index(names_by_content(index)))
    made_with = [VERSION, config.network, config.filters, str(config.weights), external_inputs(config, context.root)]
    folder = context.pools / hashing.of_value([*made_with, hardware.compute_signature(config.precision)])[:24]
    lock = Lock()  # one thread is enough: the network uses every core itself

    def extract(network: "keras.Model", photos: "LabelledData") -> LazyRows | NDArray[Any]:
        def compute(names: Sequence[str]) -> NDArray[Any]:
            rows = LazyRows(tiles.loc[list(names)], context.root)[:]
            with lock:
                return predict(network, rows)

        pool, _ = ShardPool.open(folder, context).compute_missing(photos.names, compute, context, label="features")
        return load_if_fits(LazyRows(pool.index(photos.names, context.root), context.root))

    return extract


def _dynamic_modules(config: TrainConfig) -> list[str]:
    from tasks.networks import backbones

    return [backbones.module_of(config.network)]


STAGE = Stage(
    "train",
    VERSION,
    build=build_classifier,
    external_inputs=external_inputs,
    dynamic_modules=_dynamic_modules,
    accept_stale=accept_stale,
)
