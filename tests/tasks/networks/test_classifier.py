import keras
import numpy as np
import pytest

from configs.schema import TrainConfig
from tasks.networks.backbones.convnet import backbone
from tasks.networks.classifier import feature_classifier, tile_classifier

CONFIG = TrainConfig(filters=(4, 6))


def test_the_graph_is_flat_and_its_feature_map_and_logits_are_found_by_name() -> None:
    model = tile_classifier((16, 16, 3), 5, backbone, CONFIG)
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)
    inner = keras.Model(model.input, [model.get_layer("features").output, model.get_layer("logits").output])
    feature_map, logits = inner.predict_on_batch(np.zeros((2, 16, 16, 3), np.uint8))
    assert feature_map.shape == (2, 8, 8, 6)
    assert logits.shape == (2, 5)
    assert logits.dtype == np.float32


def test_tiles_are_scaled_to_minus_one_and_one() -> None:
    model = tile_classifier((2, 2, 1), 2, backbone, CONFIG)
    scaled = keras.Model(model.input, model.get_layer("scaled").output)
    ends = np.array([0, 255, 0, 255], np.uint8).reshape(1, 2, 2, 1)
    np.testing.assert_allclose(scaled.predict_on_batch(ends).ravel(), [-1, 1, -1, 1], atol=1e-6)


def test_features_are_normalised_by_the_moments_and_a_constant_channel_stays_harmless(tmp_path) -> None:
    moments = (np.array([10, 3], np.float32), np.array([4, 0], np.float32))
    model = feature_classifier((4, 4, 2), 2, backbone, CONFIG, moments)
    model.save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    scaled = keras.Model(model.input, model.get_layer("scaled").output)
    features = np.broadcast_to(np.array([14, 3], np.float16), (1, 4, 4, 2))
    np.testing.assert_allclose(scaled.predict_on_batch(features)[0, 0, 0], [2, 0], atol=1e-6)


@pytest.mark.parametrize("side", [1, 3])
def test_small_feature_maps_are_not_halved(side: int) -> None:
    inputs = keras.Input((side, side, 2))
    assert backbone(inputs, CONFIG).shape == (None, side, side, 6)
