"""A trained classifier, loaded from its file."""

from pathlib import Path

import keras
import numpy as np
import pytest

from tasks.inference.network import TrainedClassifier
from tasks.store.errors import UserError
from tests.helpers.classifiers import TILES, saved


def test_logits_and_features_equal_those_of_the_keras_model(tmp_path: Path) -> None:
    path, model = saved(tmp_path)
    logits, features = TrainedClassifier(path)(TILES)
    np.testing.assert_allclose(logits, model.predict_on_batch(TILES), rtol=1e-5, atol=1e-5)
    assert features.shape == (5, 6)
    kernel, bias = model.get_layer("logits").get_weights()
    np.testing.assert_allclose(features @ kernel + bias, logits, rtol=1e-4, atol=1e-4)


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
    assert max(batches) == 64
    expected = classifier.classifier(many)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)
    assert features.shape == (150, 6)


def test_the_head_alone_gives_the_logits_of_pooled_features(tmp_path: Path) -> None:
    path, _ = saved(tmp_path)
    classifier = TrainedClassifier(path)
    logits, features = classifier(TILES)
    np.testing.assert_allclose(classifier.head(features), logits, rtol=1e-5, atol=1e-5)
    with pytest.raises(UserError, match="returns NaN or infinity"):
        classifier.head(np.full((2, 6), np.nan, np.float32))
