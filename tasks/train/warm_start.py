"""Warm start: whether this training may start from the champion's classifier."""

import json
import logging
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from configs.schema import TrainConfig
from tasks.store.json_file import read_json
from tasks.store.manifest import Artifact, Manifest
from tasks.store.store import Store
from tasks.tables.train import CLASSIFIER, LABELS, LINEAGE, RECIPE, TRAINED_ON
from tasks.train.same_photos import ENCODER_KEY, PHOTOS_KEY

RATE = 0.3
"""Factor of the learning rate for a training that starts from an earlier classifier."""
_SAME_SETTINGS = (
    "recipe",
    "network",
    "filters",
    "head",
    "hidden",
    "cam_filters",
    "scale",
    "sub_centres",
    "through_encoder",
)
"""Settings of train that decide the shapes and the meaning of the weights."""
_COMMON_CLASSES = 0.5
"""Share of the classes, of the classifier with fewer, that both classifiers must have."""


if TYPE_CHECKING:
    import keras

logger = logging.getLogger("fluke.train")


@dataclass(frozen=True)
class Base:
    """An earlier classifier."""

    folder: Path
    digest: str
    labels: list[str]
    trainings: int
    """Number of trainings since the last full one, including that one."""
    trained_on: frozenset[str]
    """Photos that it, or any classifier before it in the series, was trained on."""
    memory: str | None
    """The memory that decided the splits, see `held_out.memory_of`."""
    subtracted: list[float]
    """What was subtracted from each class's logit after its training; see `train.imbalance`."""


def find(
    store: Store,
    config: TrainConfig,
    version: int,
    champion: Artifact | None,
    *,
    tiles: Path,
    encoder: Path,
    labels: Sequence[str],
    excluded: Set[str],
    memory: str | None,
) -> Base | None:
    """Return the champion's classifier, if a training can start from it.

    It must be a network that was trained: logistic regression has no weights that are worth starting from. It must have
    the same network, encoder and head, the same kind of tiles, and half of the classes. It must not have been trained
    on a photo that is now held out, or on splits of another memory: its photos may be copies of those that are held
    out.

    Args:
        store: the earlier artifacts.
        config: the settings of this training.
        version: the train stage's version.
        champion: the evaluation of the champion; None: there is no champion.
        tiles: folder of the tiles of this training.
        encoder: folder of its encoder.
        labels: classes of this training.
        excluded: photos that are held out for validation or test.
        memory: the memory that decided their splits.

    Returns:
        The classifier; None if it doesn't suit, or if `config.full_retrain_every` requires a full training.
    """
    if champion is None:
        return None
    try:
        classifier = Manifest.read(store.folder(champion)).cache_key.parents["classifier"]
        manifest = Manifest.read(store.folder(classifier))
    except (OSError, ValueError, KeyError):  # pruned or damaged; the store reports that elsewhere
        return None
    if manifest.artifact != classifier or manifest.cache_key.version != version:
        return None
    if not _is_compatible(store, manifest, config, tiles=tiles, encoder=encoder):
        return None
    base = _read(store.folder(classifier), classifier)
    if (
        base is None
        or base.memory != memory
        or not _share_classes(base.labels, labels)
        or base.trained_on & excluded
        or base.trainings >= config.full_retrain_every
    ):
        return None
    return base


def write_lineage(
    out: Path,
    base: Base | None,
    train: Set[str],
    subtracted: Sequence[float],
    *,
    memory: str | None,
    photos: str,
    encoder: str,
) -> None:
    """Write what later trainings need: the photos trained on, and the number of trainings since the last full one.

    Args:
        out: folder of the new artifact.
        base: the classifier that the training started from, if any.
        train: photos that the classifier has learned from.
        subtracted: see `Base`.
        memory: see `Base`.
        photos: digest of the photos that the training used, see `same_photos.photos_digest`.
        encoder: digest of the encoder.
    """
    import pandas as pd

    seen = sorted(train | base.trained_on if base else train)
    TRAINED_ON.write(pd.DataFrame({"photo": seen}), out)
    lineage = {
        "nights": base.trainings + 1 if base else 1,
        "began_from": base.digest if base else None,
        "subtracted": list(subtracted),
        "memory": memory,
        PHOTOS_KEY: photos,
        ENCODER_KEY: encoder,
    }
    LINEAGE.path(out).write_text(json.dumps(lineage, indent=1), encoding="utf-8")


def start_from(base: Base, model: "keras.Model", labels: Sequence[str]) -> None:
    """Initialise a model with the weights of an earlier classifier."""
    from tasks.networks.classifier import init_from, subtract_from_logits
    from tasks.networks.keras_io import load

    earlier = load(CLASSIFIER.path(base.folder))
    if any(base.subtracted):  # otherwise each run would subtract once more
        subtract_from_logits(earlier, -np.array(base.subtracted, np.float32))
    new = init_from(model, labels, earlier, base.labels)
    logger.info("starts from %s: %d of %d classes are new", base.folder.name, new, len(labels))


def _is_compatible(store: Store, manifest: Manifest, config: TrainConfig, *, tiles: Path, encoder: Path) -> bool:
    # an earlier version may have had fewer settings, and did what is now their default
    wanted, given = config.model_dump(mode="json"), TrainConfig().model_dump(mode="json") | manifest.cache_key.config
    if any(given[setting] != wanted[setting] for setting in _SAME_SETTINGS):
        return False
    parents = manifest.cache_key.parents
    try:
        theirs = Manifest.read(store.folder(parents["tiles"]))
    except (OSError, ValueError):  # it has been pruned
        return False
    same_encoder = parents["encoder"].digest == Manifest.read(encoder).artifact.digest
    return bool(same_encoder and theirs.cache_key.config == Manifest.read(tiles).cache_key.config)


def _share_classes(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    return bool(len(set(ours) & set(theirs)) >= _COMMON_CLASSES * min(len(ours), len(theirs)))


def _read(folder: Path, artifact: Artifact) -> Base | None:
    try:
        lineage = read_json(LINEAGE.path(folder), dict[str, Any])
        labels = read_json(LABELS.path(folder), list[str])
        seen = frozenset(TRAINED_ON.read(folder)["photo"])
        trainings = int(lineage["nights"])
        is_network = read_json(RECIPE.path(folder), dict[str, Any])["recipe"] == "network"
    except (OSError, ValueError, KeyError, TypeError):  # damaged; the store reports that elsewhere
        return None
    if not is_network:
        return None
    subtracted = lineage.get("subtracted", [0.0] * len(labels))
    return Base(folder, artifact.digest, labels, trainings, seen, lineage.get("memory"), subtracted)
