"""Train the classifier on features, or on tiles, of the train split; validation decides when to stop."""

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
from tasks.store import hashing
from tasks.store.context import StageContext
from tasks.store.errors import UserError
from tasks.store.manifest import Manifest, Result
from tasks.store.shards import INDEX, LazyRows, ShardPool, names_by_content
from tasks.store.stage import Stage
from tasks.tables import held_out
from tasks.train import class_balance, warm_start

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from tasks.networks.classifier import Moments
    from tasks.train.fit import Labelled
    from tasks.train.schedule import Pooled

VERSION = 2
_CHUNK = 256
_WARM_RATE = 0.3
"""The learning rate of a training that begins from an earlier one, as a share of that of one that begins afresh."""

logger = logging.getLogger("fluke.train")


def channel_moments(features: LazyRows | NDArray[np.floating]) -> "Moments":
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


def external_inputs(config: TrainConfig, root: Path) -> dict[str, str | int]:
    """What it sees besides its config and its parents: the file of a pretrained network's weights."""
    if not isinstance(config.weights, Path):
        return {}
    try:
        return {"weights": hashing.of_file(config.weights.expanduser())[:24]}
    except OSError as error:
        raise UserError(f"train.weights={config.weights}: can't be read ({error.strerror}); give a file") from error


def build_classifier(config: TrainConfig, *, kept: Path, inputs: Path, context: StageContext) -> Result:
    """Train a classifier and write it with the names of its classes and its history.

    inputs: the folder of the tiles or of the features. A training that was killed goes on from its last checkpoint.
    """
    import pandas as pd

    from tasks.networks import hardware
    from tasks.networks.classifier import begin_from, subtract_from_logits
    from tasks.networks.keras_io import load, make_reproducible, predict, weights_digest
    from tasks.train.schedule import Recipe

    photos = pd.read_parquet(kept / "kept.parquet", columns=["photo", "label", "split"])
    train = photos[photos["split"] == "train"]
    labels = sorted(set(train["label"]))
    if len(labels) < 2:
        found = f"only {labels[0]!r} has photos" if labels else "there is no photo"
        raise UserError(f"filter: {found} to train on; a classifier needs two classes")
    val = photos[(photos["split"] == "val") & photos["label"].isin(labels)]
    hardware.prepare()
    base = _base(config, kept, labels, inputs, context)
    home = _home(config, kept, inputs, base, context)

    make_reproducible(config.seed)
    index = pd.read_parquet(inputs / INDEX).set_index("photo", drop=False)
    counts = train["label"].value_counts()[labels].to_numpy()
    weights = class_balance.class_weights(counts, config.imbalance)
    learnt, validated = (
        _labelled(part, index, labels, weights, context.root) if len(part) else None for part in (train, val)
    )
    assert learnt is not None
    _warn(config, learnt, validated)
    with hardware.computing_in(config.precision), hardware.shared(config):
        model = _classifier(config, learnt.rows, len(labels))
        if base:
            earlier = load(base.folder / "classifier.keras")
            if any(base.subtracted):  # else it would be subtracted once more every night
                subtract_from_logits(earlier, -np.array(base.subtracted, np.float32))
            new = begin_from(model, labels, earlier, base.labels)
            logger.info("begins from %s: %d of %d classes are new", base.folder.name, new, len(labels))
        recipe = Recipe(
            model,
            config,
            learnt,
            validated,
            peak=config.learning_rate * (_WARM_RATE if base else 1),
            pooled=(lambda network, part: predict(network, part.rows))
            if base
            else _remembering(config, index, context),
            home=home,
            progress=context.progress,
        )
        recipe.run()
    with hardware.computing_in("float32"):  # the same answers, and as fast as they can be, on any machine
        finished = _classifier(config, learnt.rows, len(labels))
    finished.set_weights(model.get_weights())
    strength = config.imbalance.strength if config.imbalance.method == "logit_adjustment" else 0.0
    subtracted = strength * class_balance.log_priors(counts)
    if strength:
        subtract_from_logits(finished, subtracted)

    finished.save(context.out / "classifier.keras")
    for name, value in {"labels": labels, "history": recipe.history}.items():
        (context.out / f"{name}.json").write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")
    warm_start.note(context.out, base, set(train["photo"]), subtracted.tolist())
    if (home / "tensorboard").exists():
        shutil.copytree(home / "tensorboard", context.out / "tensorboard")
    shutil.rmtree(home, ignore_errors=True)
    made = {"photos": len(train), "classes": len(labels), "epochs": len(recipe.history["loss"])}
    made |= {"best epoch": recipe.best_epoch, "parameters": finished.count_params()}
    return Result(made, digest=hashing.of_value([labels, weights_digest(finished)]))


def _base(
    config: TrainConfig, kept: Path, labels: Sequence[str], inputs: Path, context: StageContext
) -> warm_start.Base | None:
    """The classifier to begin from, if any."""
    if not config.warm_start:
        return None
    return warm_start.find(
        context.root,
        config,
        VERSION,
        inputs=inputs,
        labels=labels,
        excluded=held_out(kept),
        external_inputs=external_inputs(config, context.root),
    )


def _home(config: TrainConfig, kept: Path, inputs: Path, base: warm_start.Base | None, context: StageContext) -> Path:
    """The folder for what is under way: another one for whatever would make the training another one."""
    from tasks.networks import hardware

    parents = [Manifest.read(folder).artifact.digest for folder in (kept, inputs)]
    begun = [
        VERSION,
        context.source,
        *parents,
        hardware.arithmetic(config.precision),
        config.model_dump(mode="json"),
        external_inputs(config, context.root),
    ]
    home = context.pools / "under-way" / hashing.of_value([*begun, base.digest if base else None])[:24]
    if context.fresh:
        shutil.rmtree(home, ignore_errors=True)
    return home


def _labelled(
    photos: "pd.DataFrame", index: "pd.DataFrame", labels: Sequence[str], weights: NDArray[np.float32], root: Path
) -> "Labelled":
    from tasks.networks.batches import load_if_fits
    from tasks.train.fit import Labelled

    targets = np.searchsorted(labels, photos["label"]).astype(np.int32)
    found = index.loc[photos["photo"]]
    return Labelled(load_if_fits(LazyRows(found, root)), targets, weights[targets], names_by_content(found))


def _warn(config: TrainConfig, train: "Labelled", val: "Labelled | None") -> None:
    """Say which settings do nothing with these photos."""
    from tasks.train.augment import RGB_CHANNELS

    if val is None:
        averaged = ", and weights are not averaged (train.ema)" if config.ema else ""
        logger.warning("no photo to validate on: the training loss decides when to stop%s", averaged)
    if config.input == "tiles" and config.augment.rand_augment and train.rows[:1].shape[-1] != RGB_CHANNELS:
        logger.warning("train.augment.rand_augment changes RGB tiles only: these are left without it")


def _classifier(config: TrainConfig, rows: LazyRows | NDArray[Any], classes: int) -> "keras.Model":
    """A classifier of rows `(n, h, w, c)`, its head untrained."""
    from tasks.networks.classifier import feature_classifier, tile_classifier

    height, width, channels = rows[:1].shape[1:]
    shape = (height, width, channels)
    if config.input == "tiles":
        return tile_classifier(shape, classes, config)
    return feature_classifier(shape, classes, config, channel_moments(rows))


def _remembering(config: TrainConfig, index: "pd.DataFrame", context: StageContext) -> "Pooled":
    """What a pretrained network gives for photos, from a pool: heads are trained often, and few photos are new."""
    import pandas as pd

    from tasks.networks import hardware
    from tasks.networks.batches import load_if_fits
    from tasks.networks.keras_io import predict

    tiles = index.set_index(pd.Index(names_by_content(index)))
    made_with = [VERSION, config.network, config.filters, str(config.weights), external_inputs(config, context.root)]
    folder = context.pools / hashing.of_value([*made_with, hardware.arithmetic(config.precision)])[:24]
    turn = Lock()  # the network itself uses every core

    def pooled(network: "keras.Model", photos: "Labelled") -> LazyRows | NDArray[Any]:
        def compute(names: Sequence[str]) -> NDArray[Any]:
            rows = LazyRows(tiles.loc[list(names)], context.root)[:]
            with turn:
                return predict(network, rows)

        pool, _ = ShardPool.open(folder, context).compute_missing(photos.names, compute, context, label="features")
        return load_if_fits(LazyRows(pool.index(photos.names, context.root), context.root))

    return pooled


STAGE = Stage(
    "train",
    VERSION,
    build=build_classifier,
    external_inputs=external_inputs,
    dynamic_modules=lambda config: [f"tasks.networks.backbones.{config.network}"],
)
