"""Which earlier classifier tonight's training may begin from."""

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configs.schema import TrainConfig
from tasks.store.manifest import Artifact, Manifest
from tasks.store.store import Store
from tasks.tables import LABELS, LINEAGE, TRAINED_ON

_SHAPING = ("input", "network", "filters", "weights", "head", "hidden", "scale")
_COMMON = 0.5
"""Share of the smaller one's classes that two classifiers must have in common."""


@dataclass(frozen=True)
class Base:
    """An earlier classifier."""

    folder: Path
    digest: str
    labels: list[str]
    nights: int
    """Trainings since the last that began afresh, that one included."""
    trained_on: frozenset[str]
    """Photos that it, or one that it began from, was trained on."""
    subtracted: list[float]
    """From each class's logit, after its training: `logit_adjustment`."""


def find(
    root: Path,
    config: TrainConfig,
    version: int,
    *,
    inputs: Path,
    labels: Sequence[str],
    excluded: Set[str],
    external_inputs: Mapping[str, str | int],
) -> Base | None:
    """The newest classifier of a run that ended well, if tonight's may begin from it; None: begin afresh.

    It must be of the same network, from the same file of weights (`external_inputs`), with the same head, on inputs that
    mean the same, with half of the classes in common; it must not have seen a photo that is now reserved for validation or
    test; and after `config.full_retrain_every` trainings one begins afresh.
    """
    store = Store(root)
    good = {manifest.cache_key.parents["classifier"].digest for manifest in store.manifests("evaluate")}
    for manifest in store.manifests("train"):
        if manifest.artifact.digest not in good or manifest.cache_key.version != version:
            continue
        if manifest.cache_key.external_inputs != external_inputs or not _alike(store, manifest, config, inputs):
            continue
        base = _read(store.folder(manifest.artifact), manifest.artifact)
        if base is None or not _related(base.labels, labels) or base.trained_on & excluded:
            continue
        return base if base.nights < config.full_retrain_every else None
    return None


def note(out: Path, base: Base | None, train: Set[str], subtracted: Sequence[float]) -> None:
    """Write what a later training must know of this one: photos seen, and how many trainings ago one began afresh.

    subtracted: see `Base`.
    """
    import pandas as pd

    seen = sorted(train | base.trained_on if base else train)
    TRAINED_ON.write(pd.DataFrame({"photo": seen}), out)
    lineage = {
        "nights": base.nights + 1 if base else 1,
        "began_from": base.digest if base else None,
        "subtracted": list(subtracted),
    }
    LINEAGE.path(out).write_text(json.dumps(lineage, indent=1), encoding="utf-8")


def _alike(store: Store, manifest: Manifest, config: TrainConfig, inputs: Path) -> bool:
    wanted = config.model_dump(mode="json")
    if any(manifest.cache_key.config.get(setting) != wanted[setting] for setting in _SHAPING):
        return False
    try:
        theirs = Manifest.read(store.folder(manifest.cache_key.parents["inputs"]))
    except (OSError, ValueError):  # it has been pruned
        return False
    return bool(_meaning(theirs) == _meaning(Manifest.read(inputs)))


def _meaning(inputs: Manifest) -> Any:
    """What the numbers in features or tiles mean: features that of their encoder, tiles that of their config."""
    encoder = inputs.cache_key.parents.get("encoder")
    return inputs.artifact.stage, inputs.cache_key.version, encoder.digest if encoder else inputs.cache_key.config


def _related(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    return bool(len(set(ours) & set(theirs)) >= _COMMON * min(len(ours), len(theirs)))


def _read(folder: Path, artifact: Artifact) -> Base | None:
    try:
        lineage = json.loads(LINEAGE.path(folder).read_text(encoding="utf-8"))
        labels = json.loads(LABELS.path(folder).read_text(encoding="utf-8"))
        seen = frozenset(TRAINED_ON.read(folder)["photo"])
    except (OSError, ValueError):  # it is damaged: the store will say so
        return None
    subtracted = lineage.get("subtracted", [0.0] * len(labels))
    return Base(folder, artifact.digest, labels, lineage["nights"], seen, subtracted)
