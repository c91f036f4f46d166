"""A model that stays loaded and answers photos as they come, for programs in Python."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from configs.schema import PreprocessConfig
from flows.predict import model as models
from flows.run_records import RunRecord
from tasks.images.memory import PhotoTooLargeError
from tasks.images.tiles import make_tile, tile_of
from tasks.inference.limits import Certainty, Limits
from tasks.inference.predictions import top_with_probabilities
from tasks.inference.predictor import Predictor
from tasks.store.store import Store

Tile = NDArray[np.uint8]


@dataclass(frozen=True)
class Answer:
    """What a model says about a photo."""

    top: list[tuple[str, float]]
    """The most likely classes with their probabilities, most likely first; empty if the photo can't be read."""
    certainty: Certainty
    """Whether it is unsure, and which classes are possible."""
    error: str = ""
    """Why the photo can't be read."""


class LoadedModel:
    """A trained model in memory. Threads may share it: one computes at a time."""

    def __init__(self, root: Path, run: RunRecord) -> None:
        """Load the model of a run below a data folder.

        Raises:
            UserError: It has been deleted or damaged.
        """
        self.run = run
        self._model = models.of_run(Store(root), run)
        model = self._model
        self._predictor = Predictor(model.classifier, model.encoder, model.references, model.rule, waits_for_each=True)
        self._computing = Lock()

    @property
    def names(self) -> list[str]:
        """The names of its answers, in the order of the columns of probabilities."""
        return list(self._model.rule.names)

    @property
    def preprocess(self) -> PreprocessConfig:
        """How a photo becomes a tile."""
        return self._model.preprocess

    @property
    def limits(self) -> Limits:
        """Where an answer is unsure, and which classes are possible."""
        return self._model.limits

    @property
    def unknown_label(self) -> str | None:
        """The answer for photos of unknown classes; None if it has no such answer."""
        return self._model.rule.unknown_label

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

    def probabilities(self, photos: Sequence[bytes | NDArray[np.uint8]]) -> tuple[NDArray[np.float64], list[str]]:
        """Compute the calibrated probabilities of photos, see `tile`; one that can't be read doesn't hinder the others.

        Returns:
            `(n, len(names))`, NaN for a photo that can't be read; and for each photo why, or "".
        """
        tiles: list[Tile] = []
        errors = []
        for photo in photos:
            try:
                tiles.append(self.tile(photo))
                errors.append("")
            except (ValueError, PhotoTooLargeError) as error:
                errors.append(str(error) or "can't be read")
        found = np.full((len(photos), len(self.names)), np.nan)
        if tiles:
            found[[not error for error in errors]] = self.probabilities_of_tiles(np.stack(tiles))
        return found, errors

    def probabilities_of_tiles(self, tiles: Tile) -> NDArray[np.float64]:
        """Compute the calibrated probabilities `(n, len(names))` of tiles `(n, side, side, c)`.

        Raises:
            UserError: The classifier returns NaN or infinity.
        """
        with self._computing:
            return self._predictor.probabilities(self._predictor.inputs(tiles))

    def probabilities_and_features(self, tiles: Tile) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Compute the calibrated probabilities `(n, len(names))` and pooled features `(n, d)` of tiles `(n, s, s, c)`.

        Raises:
            UserError: The classifier returns NaN or infinity.
        """
        with self._computing:
            return self._predictor.probabilities_and_features(self._predictor.inputs(tiles))

    def looked_at(self, tile: Tile) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]:
        """Compute what explains the answer to one tile `(side, side, c)`.

        Returns:
            The probabilities `(len(names),)`, the pooled features `(d,)`, and the class activation map of the most
            likely known class `(h', w')`, 0 or more.
        """
        with self._computing:
            inputs = self._predictor.inputs(tile[None])
            probabilities, features = self._predictor.probabilities_and_features(inputs)
            return probabilities[0], features[0], self._predictor.heat_maps(inputs, probabilities)[0]

    def answer(self, probabilities: NDArray[np.float64], top_k: int) -> Answer:
        """Make the answer of probabilities `(len(names),)`; those that it lists are rounded as in files."""
        ranks, values = top_with_probabilities(probabilities[None], min(top_k, len(self.names)))
        top = [(self.names[i], float(p)) for i, p in zip(ranks[0], values[0], strict=True)]
        return Answer(top, self.limits.certainties(probabilities[None], self.names)[0])

    def answers(self, photos: Sequence[bytes | NDArray[np.uint8]], top_k: int) -> list[Answer]:
        """Answer photos, see `probabilities`."""
        probabilities, errors = self.probabilities(photos)
        return [
            Answer([], Certainty(), error) if error else self.answer(row, top_k)
            for row, error in zip(probabilities, errors, strict=True)
        ]
