import keras
import numpy as np
import pytest
from scipy.special import log_softmax

from configs.schema import TrainConfig
from tasks.networks.head import TrainingLoss, head

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(0, 2, (6, 4)).astype(np.float32)
LABELS = np.array([0, 1, 2, 3, 0, 1])
TARGETS = np.eye(4, dtype=np.float32)[LABELS]
SHARES = np.log(np.array([0.7, 0.1, 0.1, 0.1], np.float32))


def losses(**settings) -> np.ndarray:
    loss = TrainingLoss(TrainConfig(**settings), SHARES)
    return np.asarray(loss.call(keras.ops.convert_to_tensor(TARGETS), keras.ops.convert_to_tensor(LOGITS)))


def test_the_plain_loss_is_keras_own() -> None:
    expected = keras.ops.sparse_categorical_crossentropy(LABELS, LOGITS, from_logits=True)
    np.testing.assert_allclose(losses(), np.asarray(expected), rtol=1e-5)


def test_label_smoothing_is_keras_own() -> None:
    expected = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1, reduction=None)
    np.testing.assert_allclose(losses(label_smoothing=0.1), np.asarray(expected(TARGETS, LOGITS)), rtol=1e-5)


def test_focal_counts_easy_photos_less() -> None:
    logs = log_softmax(LOGITS, axis=1)[np.arange(6), LABELS]
    np.testing.assert_allclose(losses(loss="focal", focal_gamma=2), -((1 - np.exp(logs)) ** 2) * logs, rtol=1e-4)


def test_focal_has_gradients_where_a_photo_is_certain() -> None:
    tensorflow = pytest.importorskip("tensorflow")
    certain = tensorflow.Variable([[40.0, 0, 0, 0]])
    loss = TrainingLoss(TrainConfig(loss="focal", focal_gamma=0.5), SHARES)
    with tensorflow.GradientTape() as tape:
        value = loss.call(TARGETS[:1], certain)
    assert np.isfinite(np.asarray(tape.gradient(value, certain))).all()


def test_balanced_softmax_adds_the_shares() -> None:
    expected = -log_softmax(LOGITS + SHARES, axis=1)[np.arange(6), LABELS]
    np.testing.assert_allclose(losses(loss="balanced_softmax", class_weight="none"), expected, rtol=1e-5)


def test_arcface_widens_the_angle_of_the_true_class_only() -> None:
    angles = RANDOM.uniform(0.2, 2.5, (6, 4))
    scaled = (16 * np.cos(angles)).astype(np.float32)
    wider = angles + 0.3 * TARGETS
    expected = -log_softmax(16 * np.cos(wider), axis=1)[np.arange(6), LABELS]
    loss = TrainingLoss(TrainConfig(head="arcface", scale=16, margin=0.3), SHARES)
    np.testing.assert_allclose(np.asarray(loss.call(TARGETS, scaled)), expected, rtol=1e-3)


def test_arcface_has_gradients_at_both_ends() -> None:
    loss = TrainingLoss(TrainConfig(head="arcface"), SHARES)
    ends = np.array([[16, -16, 0, 0], [-16, 16, 0, 0]], np.float32)
    values = np.asarray(loss.call(np.eye(4, dtype=np.float32)[[0, 0]], ends))
    assert np.isfinite(values).all()
    assert values[1] > values[0]


@pytest.mark.parametrize(("kind", "names"), [("softmax", {"hidden", "logits"}), ("arcface", {"hidden", "cosines"})])
def test_heads_open_anywhere_and_their_layers_are_found(tmp_path, kind, names) -> None:
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
