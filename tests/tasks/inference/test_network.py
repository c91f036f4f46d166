"""A trained classifier, loaded from its file."""

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
    model.save(folder / "network.keras")
    return folder / "network.keras", model


def test_logits_and_features_equal_those_of_the_keras_model(tmp_path: Path) -> None:
    path, model = saved(tmp_path)
    logits, features = TrainedClassifier(path)(TILES)
    np.testing.assert_allclose(logits, model.predict_on_batch(TILES), rtol=1e-5, atol=1e-5)
    assert features.shape == (5, 6)
    kernel, bias = model.get_layer("logits").get_weights()
    np.testing.assert_allclose(features @ kernel + bias, logits, rtol=1e-4, atol=1e-4)


def test_heat_maps_explain_the_predicted_class_by_default(tmp_path: Path) -> None:
    path, _ = saved(tmp_path)
    classifier = TrainedClassifier(path)
    predicted = classifier(TILES)[0].argmax(axis=1)
    expected_maps = classifier.heat_maps(TILES, predicted)
    np.testing.assert_array_equal(classifier.heat_maps(TILES, np.full(5, -1)), expected_maps)
    other = classifier.heat_maps(TILES, (predicted + 1) % 4)
    assert not np.array_equal(other, expected_maps)


def test_logits_that_are_nan_are_refused(tmp_path: Path) -> None:
    path, _ = saved(tmp_path, bias=np.nan)
    with pytest.raises(UserError, match=r"network\.keras: the classifier returns NaN or infinity: its training"):
        TrainedClassifier(path)(TILES)


def test_many_photos_are_predicted_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without batches, a feature map of 64 channels of 256 photos of 224 px would need 3.3 GB."""
    path, _ = saved(tmp_path)
    many = np.tile(TILES, (30, 1, 1, 1))
    batches: list[int] = []
    predict = keras.Model.predict_on_batch

    def watched(model: keras.Model, rows: np.ndarray) -> object:
        batches.append(len(rows))
        return predict(model, rows)

    monkeypatch.setattr(keras.Model, "predict_on_batch", watched)
    classifier = TrainedClassifier(path)
    logits, features = classifier(many)
    heat_maps = classifier.heat_maps(many, np.full(150, -1))
    assert max(batches) == 64
    expected = classifier.classifier(many)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)
    assert features.shape == (150, 6)
    predicted = logits.argmax(axis=1)
    np.testing.assert_allclose(heat_maps[140:], classifier.heat_maps(many[140:], predicted[140:]), rtol=1e-3, atol=1e-5)
