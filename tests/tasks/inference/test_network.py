"""A classifier from its file, at work."""

from pathlib import Path

import keras
import numpy as np
import pytest

from configs.schema import TrainConfig
from tasks.inference.network import TrainedClassifier
from tasks.networks.classifier import tile_classifier
from tasks.store.errors import UserError

TILES = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3)).astype(np.uint8)


def saved(folder: Path, **how: float) -> tuple[Path, keras.Model]:
    keras.utils.set_random_seed(0)
    model = tile_classifier((16, 16, 3), 4, TrainConfig(input="tiles", filters=(4, 6)))
    if "bias" in how:
        kernel, bias = model.get_layer("logits").get_weights()
        model.get_layer("logits").set_weights([kernel, bias + how["bias"]])
    model.save(folder / "classifier.keras")
    return folder / "classifier.keras", model


def test_logits_and_features_are_those_of_the_classifier(tmp_path: Path) -> None:
    path, model = saved(tmp_path)
    logits, features = TrainedClassifier(path)(TILES)
    np.testing.assert_allclose(logits, model.predict_on_batch(TILES), rtol=1e-5, atol=1e-5)
    assert features.shape == (5, 6)
    kernel, bias = model.get_layer("logits").get_weights()
    np.testing.assert_allclose(features @ kernel + bias, logits, rtol=1e-4, atol=1e-4)


def test_the_likeliest_class_is_explained_where_none_is_named(tmp_path: Path) -> None:
    path, _ = saved(tmp_path)
    answering = TrainedClassifier(path)
    likeliest = answering(TILES)[0].argmax(axis=1)
    named = answering.heat_maps(TILES, likeliest)
    np.testing.assert_array_equal(answering.heat_maps(TILES, np.full(5, -1)), named)
    other = answering.heat_maps(TILES, (likeliest + 1) % 4)
    assert not np.array_equal(other, named)


def test_answers_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    path, _ = saved(tmp_path, bias=np.nan)
    with pytest.raises(UserError, match=r"classifier\.keras: the classifier answers with what is no number"):
        TrainedClassifier(path)(TILES)


def test_many_photos_are_answered_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A map of 64 channels of 256 photos of 224 px takes 3.3 GB."""
    path, _ = saved(tmp_path)
    many = np.tile(TILES, (30, 1, 1, 1))
    asked: list[int] = []
    predict = keras.Model.predict_on_batch

    def watched(model: keras.Model, rows: np.ndarray) -> object:
        asked.append(len(rows))
        return predict(model, rows)

    monkeypatch.setattr(keras.Model, "predict_on_batch", watched)
    answering = TrainedClassifier(path)
    logits, features = answering(many)
    heat_maps = answering.heat_maps(many, np.full(150, -1))
    assert max(asked) == 64
    expected = answering.classifier(many)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)
    assert features.shape == (150, 6)
    likeliest = logits.argmax(axis=1)
    np.testing.assert_allclose(heat_maps[140:], answering.heat_maps(many[140:], likeliest[140:]), rtol=1e-3, atol=1e-5)
