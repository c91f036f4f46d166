"""An autoencoder, trained on the train split's tiles; its first half is the encoder.

A new encoder changes the features of all photos, so the old one is kept until the train set has changed enough.
"""

import json
import math
import shutil
from collections.abc import Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from configs.schema import PretrainConfig
from tasks.held_out import held_out, memory_of
from tasks.pretrain.encoders import Encoder
from tasks.store.context import StageContext
from tasks.store.errors import UserError
from tasks.store.json_file import read_json
from tasks.store.manifest import Manifest
from tasks.store.shards import LazyRows, names_by_content
from tasks.tables import (
    AUTOENCODER,
    ENCODER,
    ERROR,
    HISTORY,
    INDEX,
    KEPT,
    RECONSTRUCTIONS,
    SNAPSHOT,
    SNAPSHOT_TILES,
)

if TYPE_CHECKING:
    import keras
    import pandas as pd

SHOWN = 16
"""Number of tiles in reconstructions.npz."""
BRIGHTEST = 255
_MEASURED_SHARE = 0.1
"""Share of the train tiles that is only measured on if there are no validation tiles."""


def mean_squared_error(tiles: NDArray[np.uint8], copies: NDArray[np.floating[Any]]) -> float:
    """Compute the mean squared error of reconstructions, in units of full brightness.

    Args:
        tiles: `(n, h, w, c)`, 0..255.
        copies: the reconstructions, of the same shape; they are clipped to 0..255.

    Returns:
        The error, 0..1.
    """
    difference = (np.clip(copies, 0, BRIGHTEST) - tiles) / BRIGHTEST
    return float(np.mean(np.square(difference), dtype=np.float64))


def resized(tiles: NDArray[np.uint8], values: int) -> NDArray[np.float32]:
    """Shrink tiles and enlarge them again: the baseline for a code with as many values.

    Args:
        tiles: `(n, side, side, c)`.
        values: the smallest number of values of a shrunk tile; tiles with fewer values are not shrunk.

    Returns:
        Copies, float32 `(n, side, side, c)`, about 0..255. Shrinking averages areas; enlarging is cubic.
    """
    import cv2

    side, channels = tiles.shape[1], tiles.shape[3]
    small = min(side, math.ceil(math.sqrt(values / channels)))
    copies = np.empty(tiles.shape, np.float32)
    for tile, copy in zip(tiles, copies, strict=True):
        down = cv2.resize(tile.astype(np.float32), (small, small), interpolation=cv2.INTER_AREA)
        copy[:] = cv2.resize(down, (side, side), interpolation=cv2.INTER_CUBIC).reshape(copy.shape)
    return copies


def resize_error(tiles: NDArray[np.uint8], values: int) -> float:
    """Compute the mean squared error of `resized` tiles `(n, side, side, c)`, in units of full brightness."""
    return mean_squared_error(tiles, resized(tiles, values))


def hold_back(count: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide positions of tiles into 90 % to train on and 10 % to measure on; a single tile is in both."""
    order = np.random.default_rng(seed).permutation(count)
    measured = math.ceil(_MEASURED_SHARE * count)
    return np.sort(order[measured:] if count > 1 else order), np.sort(order[:measured])


def drift(train: Set[str], snapshot: Set[str], excluded: Set[str], growth: float) -> float | None:
    """Compute how much the train set differs from the one that an encoder was trained on.

    Args:
        train: photos of the train split.
        snapshot: photos that the encoder was trained on.
        excluded: photos that must not have been trained on.
        growth: the largest accepted number of added photos, and of removed ones, as a share of the snapshot.

    Returns:
        The larger one of the shares of added and removed photos; None if it is above `growth`, or if the encoder was
        trained on an excluded photo.
    """
    if not snapshot or snapshot & excluded:
        return None
    share = max(len(train - snapshot), len(snapshot - train)) / len(snapshot)
    return share if share <= growth else None


def build(config: PretrainConfig, *, kept: Path, tiles: Path, context: StageContext) -> Encoder:
    """Train an autoencoder on the train tiles; write it, its encoder and its reconstruction error.

    The error is measured on validation tiles or, if there are none, on a tenth of the train tiles.

    Raises:
        UserError: there is no train photo, or the training diverged.
    """

    from tasks.networks.autoencoder import encoder
    from tasks.networks.keras_io import weights_digest

    photos = KEPT.read(kept, ["photo", "split"])
    index = INDEX.read(tiles).set_index("photo", drop=False)
    snapshot = photos.loc[photos["split"] == "train", "photo"]
    if snapshot.empty:
        raise UserError("pretrain: there is no photo to train on; crawl more photos, or relax the settings of filter")
    trained_on, measured_on = snapshot, photos.loc[photos["split"] == "val", "photo"]
    if measured_on.empty:
        trained_on, measured_on = (snapshot.iloc[part] for part in hold_back(len(snapshot), config.seed))
    measured = LazyRows(index.loc[measured_on], context.root)

    model, history = _train(config, index.loc[trained_on], index.loc[measured_on], context)
    half = encoder(model)
    values = math.prod(half.output.shape[1:])
    error = _errors(model, measured, values, config.batch_size)
    half.save(ENCODER.path(context.out))
    model.save(AUTOENCODER.path(context.out))
    shown = measured[:SHOWN]
    copies = np.clip(np.rint(model.predict_on_batch(shown)), 0, BRIGHTEST).astype(np.uint8)
    np.savez(RECONSTRUCTIONS.path(context.out), originals=shown, reconstructions=copies)
    SNAPSHOT.write(snapshot.to_frame(), context.out)
    for file, value in ((HISTORY, history), (ERROR, error), (SNAPSHOT_TILES, _made_from(kept, tiles))):
        file.path(context.out).write_text(json.dumps(value, indent=1))
    counts = {"tiles": len(trained_on), "values": values, "error": error["autoencoder"]}
    info = {"features": values}
    return Encoder(weights_digest(model), {**counts, "error of a resize": error["resize"]}, info)


def external_inputs(config: PretrainConfig) -> dict[str, str | int]:
    """Return nothing: the weights are trained here."""
    return {}


def dynamic_modules(config: PretrainConfig) -> list[str]:
    """Return nothing: the settings name no module."""
    return []


def accept_stale(config: PretrainConfig, candidate: Path, *, kept: Path, tiles: Path) -> str | None:
    """Return why a stored encoder can be reused although the kept photos have changed; None if it cannot."""
    try:
        trained_on = set(SNAPSHOT.read(candidate)["photo"])
        made_from = read_json(SNAPSHOT_TILES.path(candidate), dict[str, Any])
    except (OSError, ValueError):  # damaged; the store reports that elsewhere
        return None
    if made_from != _made_from(kept, tiles):
        return None
    photos = KEPT.read(kept, ["photo", "split"])
    train = set(photos.loc[photos["split"] == "train", "photo"])
    share = drift(train, trained_on, held_out(kept), config.refresh_growth)
    if share is None:
        return None
    return (
        f"encoder kept: the train set changed by {100 * share:.3g} % since it was trained "
        f"(refresh above {100 * config.refresh_growth:g} %)"
    )


def _train(
    config: PretrainConfig, train: "pd.DataFrame", val: "pd.DataFrame", context: StageContext
) -> tuple["keras.Model", dict[str, list[float]]]:
    """Train an autoencoder on the tiles of an index, and validate it on those of another one.

    The autoencoder is returned in float32, whatever the precision of its training was.
    """
    from tasks.networks import hardware
    from tasks.networks.autoencoder import autoencoder
    from tasks.networks.keras_io import seed_everything
    from tasks.pretrain.reconstruction import Reconstruction
    from tasks.training import monitors, under_way
    from tasks.training.checkpoint import Checkpoint
    from tasks.training.fit import fit
    from tasks.training.plan import Examples, Plan

    hardware.enable_memory_growth()
    tiles = LazyRows(train, context.root)
    height, width, channels = tiles.shape
    plan = Plan(
        name="training",
        section="pretrain",
        train=Examples(tiles),
        val=Examples(LazyRows(val, context.root)),
        learning_rate=config.learning_rate,
        epochs=config.epochs,
        batch_size=config.batch_size,
        patience=config.patience,
        seed=config.seed,
        xla=config.xla,
        if_too_large="use smaller pretrain.filters, or preprocess.side_px",
    )
    learned_from = [names_by_content(index) for index in (train, val)]
    computed = hardware.compute_signature(config.precision)
    folder = under_way.folder_of([learned_from, computed, config.model_dump(mode="json")], context)
    seed_everything(config.seed)
    with (
        context.progress("training", total=config.epochs) as advance,
        hardware.dtype_policy(config.precision),
        hardware.strategy_scope(config),
    ):
        trained = autoencoder((height, width, channels), config)
        state = fit(
            trained,
            Reconstruction,
            plan,
            checkpoint=Checkpoint(folder / "training.npz"),
            advance=advance,
            callbacks=monitors.monitoring_callbacks(folder / monitors.FOLDER, "autoencoder"),
        )
    with hardware.dtype_policy("float32"):
        model = autoencoder((height, width, channels), config)
    model.set_weights(trained.get_weights())
    if (folder / monitors.FOLDER).exists():
        shutil.copytree(folder / monitors.FOLDER, context.out / monitors.FOLDER)
    under_way.keep_only(folder)
    return model, state.history


def _errors(model: "keras.Model", tiles: LazyRows, values: int, batch_size: int) -> dict[str, float]:
    """Compute the mean squared errors of the autoencoder's reconstructions and of resized tiles."""
    copied = small = 0.0
    for start in range(0, len(tiles), batch_size):
        batch: NDArray[np.uint8] = tiles[start : start + batch_size]
        copied += len(batch) * mean_squared_error(batch, model.predict_on_batch(batch))
        small += len(batch) * resize_error(batch, values)
    return {"autoencoder": copied / len(tiles), "resize": small / len(tiles)}


def _made_from(kept: Path, tiles: Path) -> dict[str, Any]:
    """Return what decides the tiles, besides the photos, and the memory that decided their splits."""
    cache_key = Manifest.read(tiles).cache_key
    return {"version": cache_key.version, "config": cache_key.config, "memory": memory_of(kept)}
