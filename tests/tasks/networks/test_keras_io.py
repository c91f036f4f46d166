import keras
import numpy as np
import pytest

from tasks.networks.keras_io import seed_everything, warmup_cosine, weights_digest


def dense(start: float = 1.0) -> keras.Model:
    inputs = keras.Input((1,))
    layer = keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(start))
    return keras.Model(inputs, layer(inputs))


def test_the_rate_climbs_to_its_peak_and_falls_to_nothing() -> None:
    rate = warmup_cosine(0.1, steps=100)
    values = [float(rate(step)) for step in (0, 5, 50, 100)]
    assert values == pytest.approx([0.001, 0.1, 0.0541, 0], abs=1e-3)


def test_one_step_is_enough_for_a_rate() -> None:
    assert np.isfinite(float(warmup_cosine(0.1, steps=1)(0)))


def test_the_digest_tells_weights_apart_and_nothing_else() -> None:
    assert weights_digest(dense(1)) == weights_digest(dense(1)) != weights_digest(dense(2))


def test_a_seed_fixes_the_first_weights() -> None:
    def first(seed: int) -> str:
        seed_everything(seed)
        return weights_digest(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]))

    assert first(1) == first(1) != first(2)
