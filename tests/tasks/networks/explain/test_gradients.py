from typing import Any

import keras
import numpy as np

from tasks.networks.explain.gradients import Gradient

KERNEL = np.array([[1, 2], [3, 4], [5, 6]], np.float32)


def dense(dtype: str = "float32", activation: str | None = None) -> keras.Model:
    inputs = keras.Input((3,))
    layer = keras.layers.Dense(2, activation, use_bias=False, dtype=dtype)
    model = keras.Model(inputs, layer(inputs))
    layer.set_weights([KERNEL])
    return model


def test_the_gradient_of_a_linear_network_is_the_weighted_sum_of_the_kernels_columns() -> None:
    values = np.ones((2, 3), np.float32)
    weights = np.array([[1, 0], [10, 1]], np.float32)
    found = Gradient(dense())(values, weights)
    np.testing.assert_array_equal(found, [[1, 3, 5], [12, 34, 56]])
    assert found.dtype == np.float32


def test_the_gradient_is_computed_at_the_values_for_any_number_of_rows() -> None:
    gradient = Gradient(dense(activation="relu"))
    weights = np.ones(2, np.float32)
    np.testing.assert_array_equal(gradient(np.array([[-1, -1, 2], [-9, 0, 1]]), weights), [[3, 7, 11], [0, 0, 0]])
    np.testing.assert_array_equal(gradient(np.array([[1, 0, 0]] * 5), weights), [[3, 7, 11]] * 5)


def test_later_changes_of_the_weights_have_an_effect() -> None:
    model = dense()
    gradient = Gradient(model)
    gradient(np.ones((1, 3)), np.ones(2))
    model.set_weights([2 * KERNEL])
    np.testing.assert_array_equal(gradient(np.ones((1, 3)), np.ones(2)), [[6, 14, 22]])


def test_layers_that_compute_in_16_bits_have_gradients() -> None:
    found = Gradient(dense("mixed_bfloat16"))(np.ones((1, 3)), np.ones(2))
    np.testing.assert_array_equal(found, [[3, 7, 11]])


def test_dropout_and_batch_normalisation_are_in_prediction_mode() -> None:
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dropout(0.9)(keras.layers.BatchNormalization(epsilon=0)(inputs)))
    np.testing.assert_allclose(Gradient(model)(np.ones((2, 3)), np.ones(3)), 1)


def test_what_is_compiled_for_many_calls_is_the_same_and_computes_nothing_in_python_again() -> None:
    computed = []

    class Square(keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            computed.append(inputs)
            return inputs * inputs

    inputs = keras.Input((3,))
    model = keras.Model(inputs, Square()(inputs))
    computed.clear()
    gradient = Gradient(model, many_calls=True)
    for factor in (1, 2, 3):
        np.testing.assert_array_equal(gradient(np.full((2, 3), factor), np.ones(3)), np.full((2, 3), 2 * factor))
    assert len(computed) == 1
