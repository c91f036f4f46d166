"""A classifier from its file, asked about more photos than it may hold at a time."""

from pathlib import Path

import keras
import numpy as np
import pytest

from configs.schema import TrainConfig
from tasks.networks.answering import Answering
from tasks.networks.classifier import tile_classifier

TILES = np.random.default_rng(0).integers(0, 256, (150, 8, 8, 3)).astype(np.uint8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    keras.utils.set_random_seed(0)
    tile_classifier((8, 8, 3), 3, TrainConfig(input="tiles", filters=(4, 6))).save(tmp_path / "classifier.keras")
    return tmp_path / "classifier.keras"


def test_many_photos_are_answered_a_few_at_a_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A map of 64 channels of 256 photos of 224 px takes 3.3 GB."""
    asked: list[int] = []
    predict = keras.Model.predict_on_batch

    def watched(model: keras.Model, rows: np.ndarray) -> object:
        asked.append(len(rows))
        return predict(model, rows)

    monkeypatch.setattr(keras.Model, "predict_on_batch", watched)
    answering = Answering(path)
    logits, features = answering(TILES)
    heat_maps = answering.heat_maps(TILES, np.full(150, -1))
    assert max(asked) == 64
    expected = answering.classifier(TILES)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)
    assert features.shape == (150, 6)
    likeliest = logits.argmax(axis=1)
    np.testing.assert_allclose(heat_maps[140:], answering.heat_maps(TILES[140:], likeliest[140:]), rtol=1e-3, atol=1e-5)
