"""Why a model answers a photo as it does: its heat map, and the train photos that are most similar to it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flows.predict.loaded import Answer, LoadedModel
from flows.predict.run_photos import folder_of, kept
from flows.run_records import RunRecord
from tasks.images import photos, thumbnails
from tasks.images.heatmap import draw_heat_map
from tasks.images.tiles import map_to_photo
from tasks.inference.knn import References
from tasks.store.store import Store
from tasks.tables.evaluate import FEATURES

SHOWN_PX = 640
"""Longest side of a photo with its heat map."""


@dataclass(frozen=True)
class Neighbour:
    """A train photo that is similar to a photo."""

    photo: str
    """SHA-256."""
    label: str
    """Its class."""
    cosine: float
    """Cosine similarity of the features of both, -1..1."""


@dataclass(frozen=True)
class Explanation:
    """A model's answer to a photo, and what it rests on."""

    answer: Answer
    photo: str
    """The photo, upright and small, as a data URI."""
    heat_map: str
    """The same with the heat map of the most likely known class."""
    nearest: list[Neighbour]
    """The most similar train photos, the most similar first; none if the run's tables have been deleted."""


class TrainPhotos:
    """The train photos of a run, with the features that the classifier has computed of them."""

    def __init__(self, root: Path, run: RunRecord) -> None:
        """Take the data folder and the record of a run that has a model; nothing is read."""
        self._store = Store(root)
        self._run = run

    @property
    def files(self) -> dict[str, str]:
        """The path of each train photo below the data folder, by SHA-256."""
        return self._read[1]

    def nearest(self, features: NDArray[np.float32], most: int) -> list[Neighbour]:
        """Find the most similar train photos of a photo with features `(d,)`."""
        references, _, labels = self._read
        if not len(references.photos):
            return []
        positions, cosines = references.nearest(features[None], most)
        return [
            Neighbour(photo := str(references.photos[i]), labels[photo], float(cosine))
            for i, cosine in zip(positions[0], cosines[0], strict=True)
        ]

    @cached_property
    def _read(self) -> tuple[References, dict[str, str], dict[str, str]]:
        rows, evaluation = kept(self._store, self._run), folder_of(self._store, self._run, "evaluate")
        if rows is None or evaluation is None or not FEATURES.path(evaluation).exists():
            return References(np.zeros((0, 1), np.float32), np.zeros(0, np.int64), np.zeros(0, np.str_)), {}, {}
        is_train = (rows["split"] == "train").to_numpy()
        train = rows[is_train]
        names, classes = np.unique(train["label"].to_numpy(str), return_inverse=True)
        features = np.load(FEATURES.path(evaluation), mmap_mode="r")[is_train]
        references = References.of(features, classes.astype(np.int64), train["photo"].to_numpy(str))
        files = dict(zip(train["photo"], train["file"], strict=True))
        return references, files, dict(zip(train["photo"], (names[i] for i in classes), strict=True))


def explain(model: LoadedModel, train: TrainPhotos, photo: bytes, *, top_k: int, most_nearest: int) -> Explanation:
    """Answer one photo and explain the answer.

    Raises:
        ValueError: It is no photo, or is damaged.
        PhotoTooLargeError: It is larger than memory.
    """
    probabilities, features, heat = model.looked_at(model.tile(photo))

    def drawn(pixels: NDArray[np.uint8]) -> tuple[str, str]:
        small = photos.shrink(pixels, SHOWN_PX)
        over = draw_heat_map(small, map_to_photo(heat, small.shape[0], small.shape[1], model.preprocess))
        return thumbnails.of_pixels(small, SHOWN_PX), thumbnails.of_pixels(over, SHOWN_PX)

    shown, heat_map = photos.decode_to(drawn, photo, at_least_px=SHOWN_PX)
    return Explanation(model.answer(probabilities, top_k), shown, heat_map, train.nearest(features, most_nearest))
