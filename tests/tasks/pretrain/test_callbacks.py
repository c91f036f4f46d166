import keras
import numpy as np
import pytest

from tasks.networks.keras_io import warmup_cosine
from tasks.pretrain.callbacks import EpochCallback
from tasks.store.errors import UserError


def dense() -> keras.Model:
    inputs = keras.Input((1,))
    return keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="ones")(inputs))


def test_a_diverging_training_stops_and_names_the_learning_rate() -> None:
    model = dense()
    model.compile(keras.optimizers.SGD(1e30), "mean_squared_error")
    x = np.ones((4, 1), np.float32)
    with pytest.raises(UserError, match=r"pretrain\.learning_rate: at 1e\+30 .* try 1e\+29"):
        model.fit(x, 5 * x, epochs=9, verbose=0, callbacks=[EpochCallback(lambda count: None, 1e30)])


def test_each_epoch_is_reported_and_its_learning_rate_recorded() -> None:
    reported: list[int] = []
    model = dense()
    model.compile(keras.optimizers.Adam(warmup_cosine(0.1, 3)), "mean_squared_error")
    x = np.ones((4, 1), np.float32)
    history = model.fit(x, x, epochs=3, verbose=0, callbacks=[EpochCallback(reported.append, 0.1)]).history
    assert reported == [1, 1, 1]
    assert history["learning_rate"] == pytest.approx([0.1, 0.05, 0], abs=1e-6)
