"""All that a report is made from, read from the artifacts behind an evaluation."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from configs.schema import EvaluateConfig
from tasks.networks.explain.result import Insight
from tasks.store import lineage
from tasks.store.lineage import Ancestor
from tasks.store.shards import INDEX, LazyRows


@dataclass(frozen=True)
class Evidence:
    """All that a report is made from."""

    metrics: Mapping[str, Any]
    """As in metrics.json."""
    predictions: pd.DataFrame
    """As in predictions.parquet."""
    matrix: NDArray[np.int64]
    """Confusion matrix of the test photos, in the order of the classes of `metrics["per_class"]`."""
    crawled: pd.DataFrame
    kept: pd.DataFrame
    rejected: pd.DataFrame
    tiles: LazyRows
    positions: Mapping[str, int]
    """Row of each photo's tile."""
    root: Path
    """The data folder, which photos' files are below."""
    history: Mapping[str, Sequence[float]]
    """The classifier's."""
    gallery: int
    """Photos in each gallery."""
    settings: Mapping[str, Mapping[str, Any]]
    """Config of each stage."""
    lineage: Sequence[Ancestor]
    heat_maps: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    """What spoke for the answer to each photo of a gallery: (h', w'), 0 or more."""
    neighbours: Mapping[str, Sequence[tuple[str, str, float]]] = field(default_factory=dict)
    """The train photos that are most like each mistaken photo: photo, class, cosine of their features."""
    uncalibrated: NDArray[np.float64] | None = None
    """(test photos,) the probabilities of the answers as the network gave them, where those are what was calibrated."""
    insight: Insight | None = None
    """The inside of the classifier, if that is to be shown."""
    autoencoder: Mapping[str, Any] = field(default_factory=dict)
    """history, error, photos, originals and reconstructions, where an autoencoder was used."""


def gather(
    config: EvaluateConfig,
    parents: Mapping[str, Path],
    root: Path,
    *,
    metrics: Mapping[str, Any],
    predictions: pd.DataFrame,
    matrix: NDArray[np.int64],
    heat_maps: Mapping[str, NDArray[np.float32]],
    neighbours: Mapping[str, Sequence[tuple[str, str, float]]],
    uncalibrated: NDArray[np.float64] | None,
    insight: Insight | None,
) -> Evidence:
    """Read what the report needs from the parents' folders: photos, kept, tiles, classifier, maybe encoder.

    root: the data folder.
    """
    ancestors = lineage.trace(parents.values(), root)
    settings = {a.manifest.cache_key.stage: a.manifest.cache_key.config for a in ancestors if a.is_direct}
    index = pd.read_parquet(parents["tiles"] / INDEX)
    return Evidence(
        metrics=metrics,
        predictions=predictions,
        matrix=matrix,
        crawled=pd.read_parquet(parents["photos"] / "photos.parquet"),
        kept=pd.read_parquet(parents["kept"] / "kept.parquet"),
        rejected=pd.read_parquet(parents["kept"] / "rejected.parquet"),
        tiles=LazyRows(index, root),
        positions={photo: position for position, photo in enumerate(index["photo"])},
        root=root,
        history=_read(parents["classifier"] / "history.json"),
        gallery=config.gallery,
        settings=settings | {"evaluate": config.model_dump(mode="json")},
        lineage=ancestors,
        heat_maps=heat_maps,
        neighbours=neighbours,
        uncalibrated=uncalibrated,
        insight=insight,
        autoencoder=_autoencoder(parents["encoder"]) if "encoder" in parents else {},
    )


def _autoencoder(folder: Path) -> dict[str, Any]:
    with np.load(folder / "reconstructions.npz") as pairs:
        return {
            **pairs,
            "history": _read(folder / "history.json"),
            "error": _read(folder / "error.json"),
            "photos": len(pd.read_parquet(folder / "snapshot.parquet")),
        }


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
