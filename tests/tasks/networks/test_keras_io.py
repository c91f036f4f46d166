import keras
import numpy as np
import pytest

from tasks.networks.keras_io import Watch, make_reproducible, warm_cosine, weights_digest
from tasks.store.errors import UserError


def dense(start: float = 1.0) -> keras.Model:
    inputs = keras.Input((1,))
    layer = keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(start))
    return keras.Model(inputs, layer(inputs))


def test_the_rate_climbs_to_its_peak_and_falls_to_nothing() -> None:
    rate = warm_cosine(0.1, steps=100)
    values = [float(rate(step)) for step in (0, 5, 50, 100)]
    assert values == pytest.approx([0.001, 0.1, 0.0541, 0], abs=1e-3)


def test_one_step_is_enough_for_a_rate() -> None:
    assert np.isfinite(float(warm_cosine(0.1, steps=1)(0)))


def test_the_digest_tells_weights_apart_and_nothing_else() -> None:
    assert weights_digest(dense(1)) == weights_digest(dense(1)) != weights_digest(dense(2))


def test_a_seed_fixes_the_first_weights() -> None:
    def first(seed: int) -> str:
        make_reproducible(seed)
        return weights_digest(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]))

    assert first(1) == first(1) != first(2)


def test_a_diverging_training_stops_and_names_the_knob() -> None:
    model = dense()
    model.compile(keras.optimizers.SGD(1e30), "mean_squared_error")
    x = np.ones((4, 1), np.float32)
    with pytest.raises(UserError, match=r"pretrain\.learning_rate: at 1e\+30 .* try 1e\+29"):
        model.fit(x, 5 * x, epochs=9, verbose=0, callbacks=[Watch(lambda count: None, "pretrain", 1e30)])


def test_each_epoch_is_told_and_its_rate_noted() -> None:
    told: list[int] = []
    model = dense()
    model.compile(keras.optimizers.Adam(warm_cosine(0.1, 3)), "mean_squared_error")
    x = np.ones((4, 1), np.float32)
    history = model.fit(x, x, epochs=3, verbose=0, callbacks=[Watch(told.append, "train", 0.1)]).history
    assert told == [1, 1, 1]
    assert history["learning_rate"] == pytest.approx([0.1, 0.05, 0], abs=1e-6)
