"""A model that stays loaded and answers photos as they come: for programs in Python, and for the server."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.predict import model as models
from flows.run_records import RunRecord
from tasks import tables
from tasks.images.memory import PhotoTooLargeError
from tasks.images.tiles import make_tile, tile_of
from tasks.inference.knn import References
from tasks.inference.predictions import top_with_probabilities
from tasks.inference.predictor import Predictor
from tasks.store.errors import UserError
from tasks.store.store import Store

Tile = NDArray[np.uint8]


@dataclass(frozen=True)
class Answer:
    """What a model says about a photo."""

    top: list[tuple[str, float]]
    """The most likely classes with their probabilities, most likely first; empty if the photo can't be read."""
    error: str = ""
    """Why the photo can't be read."""


@dataclass(frozen=True)
class Neighbour:
    """A train photo that is like a given one."""

    path: Path
    label: str
    cosine: float
    """Of the angle between their features: 1 for the same photo."""


class LoadedModel:
    """A trained model in memory. Threads may share it: one computes at a time."""

    def __init__(self, root: Path, run: RunRecord) -> None:
        """Load the model of a run below a data folder.

        Raises:
            UserError: It has been deleted or damaged.
        """
        self.run = run
        self._root = root
        self._model = models.of_run(Store(root), run)
        model = self._model
        self._predictor = Predictor(model.classifier, model.encoder, model.references, model.rule)
        self._computing = Lock()

    @property
    def names(self) -> list[str]:
        """The names of its answers, in the order of the columns of probabilities."""
        return list(self._model.rule.names)

    def tile(self, photo: bytes | NDArray[np.uint8]) -> Tile:
        """Turn a photo into a tile `(side, side, 1 or 3)`.

        Args:
            photo: The content of a file, or RGB pixels `(h, w, 3)`.

        Raises:
            ValueError: It is no photo, or is damaged.
            PhotoTooLargeError: It is larger than memory.
        """
        if isinstance(photo, bytes):
            return tile_of(photo, self._model.preprocess)
        if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8 or 0 in photo.shape:
            raise ValueError(f"pixels must be uint8 of shape (h, w, 3), not {photo.dtype} of {photo.shape}")
        return make_tile(np.ascontiguousarray(photo), self._model.preprocess)

    def probabilities(self, tiles: Sequence[Tile]) -> NDArray[np.float64]:
        """Compute the calibrated probabilities `(n, len(names))` of tiles."""
        if not tiles:
            return np.zeros((0, len(self.names)))
        with self._computing:
            return self._predictor.probabilities(self._predictor.inputs(np.stack(tiles)))

    def answers(self, photos: Sequence[bytes | NDArray[np.uint8]], top_k: int) -> list[Answer]:
        """Answer photos, see `tile`; one that can't be read doesn't hinder the others."""
        tiles: list[Tile] = []
        errors = []
        for photo in photos:
            try:
                tiles.append(self.tile(photo))
                errors.append("")
            except (ValueError, PhotoTooLargeError) as error:
                errors.append(str(error) or "can't be read")
        ranks, values = top_with_probabilities(self.probabilities(tiles), min(top_k, len(self.names)))
        found = iter(
            Answer([(self.names[i], float(p)) for i, p in zip(row, numbers, strict=True)])
            for row, numbers in zip(ranks, values, strict=True)
        )
        return [Answer([], error) if error else next(found) for error in errors]

    def look(self, tile: Tile, most: int) -> tuple[NDArray[np.float32], list[Neighbour]]:
        """Explain the answer to one tile.

        Args:
            tile: As returned by `tile`.
            most: Number of train photos.

        Returns:
            The heat map `(h', w')` of the most likely class, 0 or more; and the most similar train photos.
        """
        with self._computing:
            inputs = self._predictor.inputs(tile[None])
            probabilities, features = self._predictor.probabilities_and_features(inputs)
            heat_map = self._predictor.heat_maps(inputs, probabilities)[0]
        references, rows = self._train_photos
        if not rows:
            return heat_map, []
        places, cosines = references.nearest(features, min(most, len(rows)))
        known = [rows[str(references.photos[place])] for place in places[0]]
        return heat_map, [
            Neighbour(self._root / file, label, float(cosine))
            for (file, label), cosine in zip(known, cosines[0], strict=True)
        ]

    def heat_map_on(self, heat_map: NDArray[np.float32], pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Draw a heat map of `look` onto the photo's pixels `(h, w, 3)`."""
        from tasks.images.heatmap import draw_heat_map
        from tasks.images.tiles import map_to_photo

        height, width = pixels.shape[:2]
        return draw_heat_map(pixels, map_to_photo(heat_map, height, width, self._model.preprocess))

    @cached_property
    def _train_photos(self) -> tuple[References, dict[str, tuple[str, str]]]:
        """The features of the train photos, and the file and the class of each; none if they have been deleted."""
        store = Store(self._root)
        folders = {stage.artifact.stage: store.folder(stage.artifact) for stage in self.run.stages}
        try:
            kept = tables.KEPT.read(folders["filter"], ["photo", "file", "label", "split"])
            features: NDArray[Any] = np.load(
                tables.FEATURES.path(folders["evaluate"]), mmap_mode="r", allow_pickle=False
            )
        except (OSError, KeyError, ValueError, UserError):
            return References.of(np.zeros((0, 1), np.float32), np.zeros(0, np.int64), np.zeros(0, "U64")), {}
        chosen = np.flatnonzero((kept["split"] == "train").to_numpy())
        if len(features) != len(kept):
            chosen = chosen[:0]
        train = kept.iloc[chosen]
        classes = np.unique(train["label"].to_numpy(str), return_inverse=True)[1]
        rows = {
            photo: (file, label) for photo, file, label in train[["photo", "file", "label"]].itertuples(index=False)
        }
        return References.of(np.asarray(features[chosen], np.float32), classes, train["photo"].to_numpy(str)), rows
