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


def directions(features: int, centres: int, classes: int) -> np.ndarray:
    """Return unit vectors `(features, centres, classes)`."""
    kernel = RANDOM.normal(size=(features, centres, classes)).astype(np.float32)
    return kernel / np.linalg.norm(kernel, axis=0)


def test_the_nearest_of_several_directions_of_a_class_counts(tmp_path) -> None:
    model = head(5, 4, TrainConfig(head="arcface", sub_centres=3, scale=16))
    assert {layer.name for layer in model.layers if layer.weights} == {"cosines"}
    kernel = directions(5, 3, 4)
    model.get_layer("cosines").set_weights([kernel.reshape(5, 12)])
    features = RANDOM.normal(size=(7, 5)).astype(np.float32)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    expected = 16 * np.einsum("nf,fkc->nkc", unit, kernel).max(axis=1)
    np.testing.assert_allclose(model.predict_on_batch(features), expected, rtol=1e-4, atol=1e-4)
    model.save(tmp_path / "head.keras")
    again = keras.models.load_model(tmp_path / "head.keras")
    np.testing.assert_array_equal(again.predict_on_batch(features), model.predict_on_batch(features))


def test_one_direction_is_the_plain_head() -> None:
    names = [layer.name for layer in head(5, 4, TrainConfig(head="cosine")).layers]
    assert names == ["pooled", "dropout", "direction", "cosines", "logits"]


def test_only_the_nearest_direction_learns() -> None:
    tensorflow = pytest.importorskip("tensorflow")
    model = head(2, 2, TrainConfig(head="cosine", sub_centres=2, dropout=0))
    kernel = np.array([[[1, 0], [-1, 0]], [[0, 1], [0, -1]]], np.float32)  # of class 0: +x and -x
    model.get_layer("cosines").set_weights([kernel.reshape(2, 4)])
    with tensorflow.GradientTape() as tape:
        value = model(np.array([[3.0, 1.0]], np.float32))[0, 0]
    gradient = np.asarray(tape.gradient(value, model.get_layer("cosines").kernel)).reshape(2, 2, 2)
    assert np.isfinite(gradient).all()
    assert gradient[:, 0, 0].any()
    assert not gradient[:, 1].any()
    assert not gradient[:, :, 1].any()
