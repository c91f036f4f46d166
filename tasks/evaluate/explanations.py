"""Files of an evaluation that explain the network: heat maps, similar train photos and images of layers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from tasks import tables
from tasks.networks.explain.result import LayerImages, LayerInspection
from tasks.store.atomic import atomic_path


class Neighbour(NamedTuple):
    """A train photo that is similar to another photo."""

    photo: str
    """Its digest."""
    label: str
    """Its class."""
    cosine: float
    """Cosine of the features of both photos, -1..1."""


@dataclass(frozen=True)
class Explanations:
    """Explanations of the photos in the report's galleries, and images of the network's layers."""

    heat_maps: Mapping[str, NDArray[np.float32]]
    """By photo: the class activation map of the predicted class, (h', w'), 0 or more."""
    neighbours: Mapping[str, Sequence[Neighbour]]
    """By misclassified photo: the most similar train photos, the most similar first."""
    layers: LayerInspection | None
    """None if evaluate.layer_images is 0."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the files of `write`."""
        with np.load(tables.evaluate.HEAT_MAPS.path(folder)) as found:
            heat_maps = dict(found)
        neighbours: dict[str, list[Neighbour]] = {}
        rows: Any = tables.evaluate.NEIGHBOURS.read(folder)
        for row in rows.itertuples():
            neighbours.setdefault(row.photo, []).append(Neighbour(row.neighbour, row.label, row.cosine))
        return cls(heat_maps, neighbours, _read_layers(tables.evaluate.LAYERS.path(folder)))

    def write(self, folder: Path) -> list[Path]:
        """Write the explanations into the folder of an evaluation; returns their files."""
        import pandas as pd

        _save(tables.evaluate.HEAT_MAPS.path(folder), self.heat_maps)
        rows = [(photo, *neighbour) for photo, neighbours in self.neighbours.items() for neighbour in neighbours]
        frame = pd.DataFrame(rows, columns=tables.evaluate.NEIGHBOURS.names)
        tables.evaluate.NEIGHBOURS.write(frame.astype({"cosine": np.float64}), folder)
        path = tables.evaluate.LAYERS.path(folder)
        if self.layers is None:
            path.unlink(missing_ok=True)
            return [tables.evaluate.HEAT_MAPS.path(folder), tables.evaluate.NEIGHBOURS.path(folder)]
        _save(path, _layer_arrays(self.layers))
        return [tables.evaluate.HEAT_MAPS.path(folder), tables.evaluate.NEIGHBOURS.path(folder), path]


def _layer_arrays(found: LayerInspection) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {"tile": found.tile, "names": np.array([layer.name for layer in found.layers])}
    for i, layer in enumerate(found.layers):
        for name in ("shape", "channels", "maps", "responsive", "pictures"):
            arrays[f"{i}_{name}"] = np.asarray(getattr(layer, name))
    return arrays


def _read_layers(path: Path) -> LayerInspection | None:
    if not path.exists():
        return None
    with np.load(path) as found:
        layers = []
        for i, name in enumerate(found["names"]):
            height, width, channels = (int(size) for size in found[f"{i}_shape"])
            arrays = [found[f"{i}_{key}"] for key in ("channels", "maps", "responsive", "pictures")]
            layers.append(LayerImages(str(name), (height, width, channels), *arrays))
        return LayerInspection(found["tile"], layers)


def _save(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    with atomic_path(path) as partial, partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
