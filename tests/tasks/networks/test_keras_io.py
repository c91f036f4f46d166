import random
from pathlib import Path

import keras
import numpy as np
import pytest

from tasks.networks.keras_io import load_to_predict, seed_everything, warmup_cosine, weights_digest


def dense(start: float = 1.0) -> keras.Model:
    inputs = keras.Input((1,))
    layer = keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(start))
    return keras.Model(inputs, layer(inputs))


def test_the_learning_rate_rises_to_its_peak_and_falls_to_zero() -> None:
    rate = warmup_cosine(0.1, steps=100)
    values = [float(rate(step)) for step in (0, 5, 50, 100)]
    assert values == pytest.approx([0.001, 0.1, 0.0541, 0], abs=1e-3)


def test_a_schedule_of_one_step_is_finite() -> None:
    assert np.isfinite(float(warmup_cosine(0.1, steps=1)(0)))


def test_the_digest_depends_only_on_the_weights() -> None:
    assert weights_digest(dense(1)) == weights_digest(dense(1)) != weights_digest(dense(2))


def test_a_seed_determines_the_initial_weights() -> None:
    def initial_weights(seed: int) -> str:
        seed_everything(seed)
        return weights_digest(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]))

    assert initial_weights(1) == initial_weights(1) != initial_weights(2)


def test_random_numbers_of_other_threads_do_not_change_the_initial_weights() -> None:
    def initial_weights(others_draw: int) -> str:
        seed_everything(1)
        for _ in range(others_draw):
            random.getrandbits(32)
        return weights_digest(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]))

    assert initial_weights(0) == initial_weights(1) == initial_weights(5)


def test_a_network_that_only_predicts_gives_the_same_results(tmp_path: Path) -> None:
    """Batch normalisation of the last axis and of another one, with and without scale and centre."""
    random = np.random.default_rng(0)
    inputs = keras.Input((4, 4, 3))
    x = inputs
    for options in ({}, {"scale": False}, {"center": False}, {"axis": 1}):
        x = keras.layers.BatchNormalization(**options)(x)
    model = keras.Model(inputs, x)
    for layer in model.layers[1:]:
        layer.set_weights([random.uniform(0.5, 2, weight.shape) for weight in layer.get_weights()])
    model.save(tmp_path / "norms.keras")
    rows = random.normal(size=(5, 4, 4, 3)).astype(np.float32)
    found = load_to_predict(tmp_path / "norms.keras")(rows, training=False)
    np.testing.assert_allclose(np.asarray(found), np.asarray(model(rows, training=False)), rtol=1e-5, atol=1e-6)
