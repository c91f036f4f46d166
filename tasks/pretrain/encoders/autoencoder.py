"""An autoencoder, trained on the train split's tiles; its first half is the encoder.

A new encoder changes the features of all photos, so the old one is kept until the train set has changed enough.
"""

import json
import math
from collections.abc import Callable, Iterator, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from configs.schema import PretrainConfig
from tasks.held_out import held_out, memory_of
from tasks.pretrain.encoders import Encoder
from tasks.pretrain.quality import (
    BRIGHTEST,
    PatchPCA,
    dead_channels,
    is_better_than_resize,
    mean_squared_error,
    resized,
)
from tasks.store.context import StageContext
from tasks.store.errors import UserError
from tasks.store.json_file import read_json
from tasks.store.lazy_rows import LazyRows
from tasks.store.manifest import Manifest
from tasks.tables.filter import KEPT
from tasks.tables.pretrain import (
    AUTOENCODER,
    AUTOENCODER_PICTURE,
    ENCODER,
    ERROR,
    RECONSTRUCTIONS,
    SNAPSHOT,
    SNAPSHOT_TILES,
)
from tasks.tables.shared import HISTORY, INDEX

if TYPE_CHECKING:
    import keras

SHOWN = 8
"""Number of tiles in reconstructions.npz."""
PCA_TILES = 64
"""Most train tiles whose patches a principal component analysis is fitted on."""
CODED_TILES = 256
"""Most train tiles whose codes show whether a channel is dead."""
_MEASURED_SHARE = 0.1
"""Share of the train tiles that is only measured on if there are no validation tiles."""


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
    """Train an autoencoder on the train tiles; write it, its encoder, its errors and examples of what it gives back.

    The error is measured on validation tiles or, if there are none, on a tenth of the train tiles.

    Raises:
        UserError: there is no train photo, or the training diverged.
    """
    from tasks.networks.autoencoder import encoder
    from tasks.networks.keras_io import weights_digest
    from tasks.pretrain.pictures import draw
    from tasks.pretrain.training import train as train_autoencoder

    photos = KEPT.read(kept, ["photo", "split"])
    index = INDEX.read(tiles).set_index("photo", drop=False)
    snapshot = photos.loc[photos["split"] == "train", "photo"]
    if snapshot.empty:
        raise UserError("pretrain: there is no photo to train on; crawl more photos, or relax the settings of filter")
    trained_on, measured_on = snapshot, photos.loc[photos["split"] == "val", "photo"]
    if measured_on.empty:
        trained_on, measured_on = (snapshot.iloc[part] for part in hold_back(len(snapshot), config.seed))
    measured = LazyRows(index.loc[measured_on], context.root)

    model, history = train_autoencoder(config, index.loc[trained_on], index.loc[measured_on], context)
    half = encoder(model)
    train = LazyRows(index.loc[trained_on], context.root)
    error, examples = _measure(model, half, train, measured, config)
    variances = _variances(half, train, config.batch_size)
    dead = dead_channels(variances)
    half.save(ENCODER.path(context.out))
    model.save(AUTOENCODER.path(context.out))
    np.savez(RECONSTRUCTIONS.path(context.out), allow_pickle=False, **examples)
    SNAPSHOT.write(snapshot.to_frame(), context.out)
    for file, value in ((HISTORY, history), (ERROR, error), (SNAPSHOT_TILES, _made_from(kept, tiles))):
        file.path(context.out).write_text(json.dumps(value, indent=1))
    draw(examples, error, history, dead, AUTOENCODER_PICTURE.path(context.out))
    for warning in _warnings(error, dead, len(variances)):
        context.warn(warning)
    values = math.prod(half.output.shape[1:])
    counts = {"tiles": len(trained_on), "parameters": model.count_params(), "values": values}
    counts |= {"dead channels": len(dead)} if dead else {}
    errors = {"error": error["autoencoder"], "error of a resize": error["resize"], "error of a PCA": error["pca"]}
    info = {"features": values, "variances": variances.tolist(), "dead_channels": dead}
    return Encoder(weights_digest(model), {**counts, **errors}, info)


def _warnings(error: dict[str, float], dead: Sequence[int], channels: int) -> Iterator[str]:
    """Say what the autoencoder is no good for."""
    if not is_better_than_resize(error):
        yield (
            f"pretrain: the autoencoder is not better than shrinking and enlarging the tiles: mean squared error "
            f"{error['autoencoder']:.3g}, against {error['resize']:.3g} with as many values; pretrain.encoder=none "
            "leaves it out; more pretrain.epochs, or pretrain.code_channels, may help"
        )
    if dead:
        which = ", ".join(str(number) for number in dead)
        yield (
            f"pretrain: {len(dead)} of {channels} channels of the code are dead (number {which}, counted from 0): they "
            "are the same everywhere in the train photos; try another pretrain.seed, a lower pretrain.learning_rate, "
            "or fewer pretrain.code_channels"
        )


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


def _measure(
    model: "keras.Model", half: "keras.Model", train: LazyRows, measured: LazyRows, config: PretrainConfig
) -> tuple[dict[str, float], dict[str, NDArray[Any]]]:
    """Compute the errors of the autoencoder and of simpler codes, and examples of all.

    `tables.pretrain.RECONSTRUCTIONS` says which examples. Few tiles are in memory at a time: those of 896 px need much.
    """
    from tasks.networks import memory
    from tasks.networks.keras_io import predict

    rows = memory.rows_forward(model, config.batch_size)
    values = math.prod(half.output.shape[1:])
    some = np.linspace(0, len(train) - 1, min(len(train), PCA_TILES)).astype(int)
    pca = PatchPCA.fit(train[some], 2 ** len(config.layer_filters), half.output.shape[-1], config.seed)
    made: dict[str, Callable[[NDArray[np.uint8]], NDArray[Any]]] = {
        "autoencoder": lambda tiles: predict(model, tiles, rows),
        "resize": lambda tiles: resized(tiles, values),
        "pca": pca.copies,
    }
    errors = dict.fromkeys(made, 0.0)
    for start in range(0, len(measured), rows):
        batch = measured[start : start + rows]
        for name, copies_of in made.items():
            errors[name] += mean_squared_error(batch, copies_of(batch)) * len(batch) / len(measured)
    shown = measured[:SHOWN]
    examples = {
        name: np.clip(np.rint(copies_of(shown)), 0, BRIGHTEST).astype(np.uint8) for name, copies_of in made.items()
    }
    codes = predict(half, shown, rows).astype(np.float32)
    renamed = {"reconstructions": examples["autoencoder"], "resized": examples["resize"], "pca": examples["pca"]}
    return errors, {"originals": shown, **renamed, "codes": codes}


def _variances(half: "keras.Model", tiles: LazyRows, batch_size: int) -> NDArray[np.float64]:
    """Compute the variance of each channel of the codes of some train tiles, over all their places, `(c,)`."""
    from tasks.networks import memory
    from tasks.networks.keras_io import predict
    from tasks.networks.moments import channel_moments

    rows = memory.rows_forward(half, batch_size)
    some = np.linspace(0, len(tiles) - 1, min(len(tiles), CODED_TILES)).astype(int)
    parts = (some[start : start + rows] for start in range(0, len(some), rows))
    return channel_moments(predict(half, tiles[part], rows) for part in parts)[1]


def _made_from(kept: Path, tiles: Path) -> dict[str, Any]:
    """Return what decides the tiles, besides the photos, and the memory that decided their splits."""
    cache_key = Manifest.read(tiles).cache_key
    return {"version": cache_key.version, "config": cache_key.config, "memory": memory_of(kept)}
