import keras
import numpy as np
import pytest
from scipy.special import log_softmax

from configs.schema import TrainConfig
from tasks.train.loss import LARGEST_MARGIN, TrainingLoss, margins

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(0, 2, (6, 4)).astype(np.float32)
LABELS = np.array([0, 1, 2, 3, 0, 1])
TARGETS = np.eye(4, dtype=np.float32)[LABELS]
LOG_PRIORS = np.log(np.array([0.7, 0.1, 0.1, 0.1], np.float32))


def losses(**settings) -> np.ndarray:
    loss = TrainingLoss(TrainConfig.model_validate(settings), LOG_PRIORS)
    return np.asarray(loss.call(keras.ops.convert_to_tensor(TARGETS), keras.ops.convert_to_tensor(LOGITS)))


def test_the_default_loss_equals_keras() -> None:
    expected = keras.ops.sparse_categorical_crossentropy(LABELS, LOGITS, from_logits=True)
    np.testing.assert_allclose(losses(), np.asarray(expected), rtol=1e-5)


def test_label_smoothing_equals_keras() -> None:
    expected = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1, reduction=None)
    np.testing.assert_allclose(losses(label_smoothing=0.1), np.asarray(expected(TARGETS, LOGITS)), rtol=1e-5)


def test_focal_weighs_easy_photos_less() -> None:
    logs = log_softmax(LOGITS, axis=1)[np.arange(6), LABELS]
    np.testing.assert_allclose(
        losses(imbalance={"method": "focal", "gamma": 2}), -((1 - np.exp(logs)) ** 2) * logs, rtol=1e-4
    )


def test_focal_has_finite_gradients_for_a_certain_photo() -> None:
    tensorflow = pytest.importorskip("tensorflow")
    certain = tensorflow.Variable([[40.0, 0, 0, 0]])
    loss = TrainingLoss(TrainConfig.model_validate({"imbalance": {"method": "focal", "gamma": 0.5}}), LOG_PRIORS)
    with tensorflow.GradientTape() as tape:
        value = loss.call(TARGETS[:1], certain)
    assert np.isfinite(np.asarray(tape.gradient(value, certain))).all()


def test_balanced_softmax_adds_the_log_priors() -> None:
    expected = -log_softmax(LOGITS + LOG_PRIORS, axis=1)[np.arange(6), LABELS]
    np.testing.assert_allclose(losses(imbalance="balanced_softmax"), expected, rtol=1e-5)


def test_arcface_enlarges_the_angle_of_the_true_class_only() -> None:
    angles = RANDOM.uniform(0.2, 2.5, (6, 4))
    scaled = (16 * np.cos(angles)).astype(np.float32)
    wider = angles + 0.3 * TARGETS
    expected = -log_softmax(16 * np.cos(wider), axis=1)[np.arange(6), LABELS]
    loss = TrainingLoss(TrainConfig(head="arcface", scale=16, margin=0.3), LOG_PRIORS)
    np.testing.assert_allclose(np.asarray(loss.call(TARGETS, scaled)), expected, rtol=1e-3)


def test_arcface_is_finite_at_both_ends() -> None:
    loss = TrainingLoss(TrainConfig(head="arcface"), LOG_PRIORS)
    ends = np.array([[16, -16, 0, 0], [-16, 16, 0, 0]], np.float32)
    values = np.asarray(loss.call(np.eye(4, dtype=np.float32)[[0, 0]], ends))
    assert np.isfinite(values).all()
    assert values[1] > values[0]


def test_rare_classes_have_larger_margins_up_to_a_limit() -> None:
    config = TrainConfig(head="arcface", margin=0.2, margin_growth=0.5)
    log_priors = np.log(np.array([400, 100, 25, 4], np.float32) / 529)
    np.testing.assert_allclose(margins(config, log_priors), [0.2, 0.4, 0.8, LARGEST_MARGIN], rtol=1e-5)
    equal = TrainConfig(head="arcface", margin=1.4)
    np.testing.assert_allclose(margins(equal, log_priors), [1.4] * 4, rtol=1e-6)


def test_the_margin_of_the_true_class_counts() -> None:
    angles = RANDOM.uniform(0.2, 1.8, (6, 4))
    scaled = (16 * np.cos(angles)).astype(np.float32)
    config = TrainConfig(head="arcface", scale=16, margin=0.3, margin_growth=0.25)
    wider = angles + TARGETS * (0.3 * np.array([1, *[7**0.25] * 3]))
    expected = -log_softmax(16 * np.cos(wider), axis=1)[np.arange(6), LABELS]
    np.testing.assert_allclose(np.asarray(TrainingLoss(config, LOG_PRIORS).call(TARGETS, scaled)), expected, rtol=1e-3)


def test_arcface_has_finite_gradients_at_both_ends_and_with_the_largest_margin() -> None:
    tensorflow = pytest.importorskip("tensorflow")
    ends = tensorflow.Variable([[16.0, -16, 0, 16], [-16, 16, 16, 0], [0, 0, 0, 0]])
    loss = TrainingLoss(TrainConfig(head="arcface", margin_growth=1), LOG_PRIORS)
    with tensorflow.GradientTape() as tape:
        value = loss.call(np.eye(4, dtype=np.float32)[[0, 0, 3]], ends)
    assert np.isfinite(np.asarray(tape.gradient(value, ends))).all()
