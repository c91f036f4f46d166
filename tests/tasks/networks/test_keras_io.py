import random

import keras
import numpy as np
import pytest

from tasks.networks.keras_io import seed_everything, warmup_cosine, weights_digest


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
