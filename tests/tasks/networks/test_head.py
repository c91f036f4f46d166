import keras
import numpy as np
import pytest

from configs.schema import TrainConfig
from tasks.networks.head import head

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(("kind", "names"), [("softmax", {"hidden", "logits"}), ("arcface", {"hidden", "cosines"})])
def test_saved_heads_can_be_loaded_and_have_named_layers(tmp_path, kind, names) -> None:
    model = head(5, 3, TrainConfig(head=kind, hidden=8))
    assert {layer.name for layer in model.layers if layer.weights} == names
    model.save(tmp_path / "head.keras")
    features = RANDOM.normal(size=(2, 5)).astype(np.float32)
    again = keras.models.load_model(tmp_path / "head.keras")
    np.testing.assert_array_equal(again.predict_on_batch(features), model.predict_on_batch(features))


def test_cosines_are_scaled_and_do_not_depend_on_length() -> None:
    model = head(5, 3, TrainConfig(head="cosine", scale=16))
    kernel = RANDOM.normal(size=(5, 3))
    model.get_layer("cosines").set_weights([kernel / np.linalg.norm(kernel, axis=0)])
    features = RANDOM.normal(size=(4, 5)).astype(np.float32)
    near, far = model.predict_on_batch(features), model.predict_on_batch(7 * features)
    np.testing.assert_allclose(near, far, rtol=1e-4, atol=1e-4)
    assert np.abs(near).max() <= 16.001
