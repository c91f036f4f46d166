"""The API around a model that answers by brightness, and needs no training."""

import io
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from configs.schema import Config, PreprocessConfig
from flows.api import app
from flows.api.answering import Answering
from flows.api.batching import Batcher
from flows.api.bodies import Limits
from flows.api.champion import Champion
from flows.api.security import for_programs
from flows.local_page.security import SecurityMiddleware
from flows.predict.explained import Neighbour
from flows.predict.loaded import Answer
from flows.run_records import RunRecord
from tasks.images.tiles import tile_of
from tasks.inference.limits import Limits as ProbabilityLimits

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette recommends another client, which isn't a dependency
    from starlette.testclient import TestClient

PORT = 8080
TRAIN_PHOTO = "0" * 64


def photo(grey: int, side_px: int = 40, form: str = "JPEG", **how: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side_px, side_px), (grey, grey, grey)).save(file, form, **how)
    return file.getvalue()


class Brightness:
    """A `LoadedModel` that answers "dark" or "bright"."""

    names = ("dark", "bright")
    unknown_label = None
    limits = ProbabilityLimits()
    preprocess = PreprocessConfig(side_px=8)

    def tile(self, data: bytes) -> NDArray[np.uint8]:
        return tile_of(data, self.preprocess)

    def probabilities_of_tiles(self, tiles: NDArray[np.uint8]) -> NDArray[np.float64]:
        bright = tiles.mean(axis=(1, 2, 3)) / 255
        return np.stack([1 - bright, bright], axis=1)

    def looked_at(
        self, tile: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]:
        return self.probabilities_of_tiles(tile[None])[0], np.ones(2, np.float32), np.eye(4, dtype=np.float32)

    def answer(self, probabilities: NDArray[np.float64], top_k: int) -> Answer:
        order = np.argsort(-probabilities)[:top_k]
        top = [(self.names[i], round(float(probabilities[i]), 6)) for i in order]
        return Answer(top, self.limits.certainties(probabilities[None], self.names)[0])


class Train:
    """`TrainPhotos` with one photo."""

    def __init__(self, root: Path) -> None:
        (root / "photos").mkdir(exist_ok=True)
        (root / "photos" / "train.jpg").write_bytes(photo(9))
        self.files = {TRAIN_PHOTO: "photos/train.jpg"}

    def nearest(self, features: NDArray[np.float32], most: int) -> list[Neighbour]:
        return [Neighbour(TRAIN_PHOTO, "dark", 0.5)][:most]


class Served:
    """A `ServedModel`."""

    def __init__(self, root: Path, run: RunRecord) -> None:
        from flows.local_page.images import ImageCache

        self.run, self.model, self.train = run, Brightness(), Train(root)
        self.batcher = Batcher(self.model.probabilities_of_tiles, 8)
        self.images = ImageCache(root, self.train.files)


def a_run(name: str) -> RunRecord:
    record = RunRecord.start("lamps", "evaluate", Config())
    record.id = name
    return record


@pytest.fixture
def champion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Champion]:
    """The model of run `first`."""
    monkeypatch.setattr("flows.api.champion.find_run", lambda *_: a_run("first"))
    made = Champion(tmp_path, None, Served)  # type: ignore[arg-type]
    yield made
    made.current.batcher.close()


@pytest.fixture
def client(champion: Champion) -> Callable[..., TestClient]:
    """A function that makes a client of an API with some limits, and with or without a key."""

    def make(key: str | None = None, **limits: float) -> TestClient:
        built = app.build(Answering(champion, Limits(**limits)))  # type: ignore[arg-type]
        secured = SecurityMiddleware(built, for_programs(PORT, key), respond=app.problem)
        return TestClient(secured, base_url=f"http://127.0.0.1:{PORT}", raise_server_exceptions=False)

    return make
