"""A trained classifier, loaded from its file."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tasks.inference.heat_maps import HeatMaps
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


@pytest.mark.parametrize("total_rows", [150, None])
def test_many_photos_are_predicted_in_batches_of_one_shape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, total_rows: int | None
) -> None:
    """Without batches, a feature map of 64 channels of 256 photos of 224 px would need 3.3 GB."""
    path, _ = saved(tmp_path)
    many = np.tile(TILES, (30, 1, 1, 1))
    shapes: list[tuple[int | None, ...]] = []
    call = keras.layers.Rescaling.call

    def watched(layer: keras.layers.Rescaling, rows: Any) -> object:
        shapes.append(tuple(rows.shape))
        return call(layer, rows)

    classifier = TrainedClassifier(path, total_rows)
    monkeypatch.setattr(keras.layers.Rescaling, "call", watched)
    logits, features = classifier(many)
    computed = len(shapes)
    HeatMaps(classifier)(many, np.zeros(150, np.int64))
    assert (computed, len(shapes)) == (1, 1)  # traced once, for all rows and for everything that is asked
    monkeypatch.undo()
    expected = np.asarray(classifier.classifier(many))
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)
    assert features.shape == (150, 6)


def test_the_same_file_is_loaded_once_by_a_process(tmp_path: Path) -> None:
    path, _ = saved(tmp_path)
    first = TrainedClassifier.shared(path, 5)
    assert TrainedClassifier.shared(path, 300) is first
    path.write_bytes(path.read_bytes())
    assert TrainedClassifier.shared(path, 5) is not first  # it was written again


def test_the_head_alone_gives_the_logits_of_pooled_features(tmp_path: Path) -> None:
    path, _ = saved(tmp_path)
    classifier = TrainedClassifier(path)
    logits, features = classifier(TILES)
    np.testing.assert_allclose(classifier.head(features), logits, rtol=1e-5, atol=1e-5)
    with pytest.raises(UserError, match="returns NaN or infinity"):
        classifier.head(np.full((2, 6), np.nan, np.float32))
