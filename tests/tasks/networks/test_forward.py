"""The forward pass: batches of one shape, and as little compiling as possible."""

import keras
import numpy as np
import pytest

from tasks.networks.forward import BATCH_ROWS, EAGER_ROWS, Forward

ROWS = np.random.default_rng(0).normal(size=(150, 3)).astype(np.float32)


class Counting(keras.layers.Layer):
    """Doubles its inputs, and counts how often Python computes it: once for each compilation."""

    shapes: list[tuple[int | None, ...]]

    def call(self, inputs):
        """Compute twice the inputs."""
        self.shapes.append(tuple(inputs.shape))
        return 2 * inputs


@pytest.fixture
def network() -> keras.Model:
    layer = Counting()
    layer.shapes = []
    inputs = keras.Input((3,))
    model = keras.Model(inputs, layer(inputs), name="doubling")
    layer.shapes.clear()
    return model


def doubled(forward: Forward, rows: np.ndarray) -> np.ndarray:
    return np.concatenate([keras.ops.convert_to_numpy(output)[:count] for count, output in forward(rows)])


def shapes(network: keras.Model) -> list[tuple[int | None, ...]]:
    found: list[tuple[int | None, ...]] = network.layers[-1].shapes
    return found


def test_any_number_of_rows_is_compiled_once(network: keras.Model) -> None:
    forward = Forward(network)
    for count in (150, 64, 3, 1):
        np.testing.assert_array_equal(doubled(forward, ROWS[:count]), 2 * ROWS[:count])
    assert len(shapes(network)) == 1


def test_rows_in_the_last_batch_have_the_shape_of_the_others(network: keras.Model) -> None:
    sizes = []
    for count, output in Forward(network)(ROWS):
        sizes.append((count, output.shape[0]))
    assert sizes == [(64, BATCH_ROWS), (64, BATCH_ROWS), (22, BATCH_ROWS)]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX always compiles")
def test_few_rows_are_not_compiled_for(network: keras.Model) -> None:
    forward = Forward(network, total_rows=5)
    np.testing.assert_array_equal(doubled(forward, ROWS[:5]), 2 * ROWS[:5])
    doubled(forward, ROWS[:5])
    assert shapes(network) == [(8, 3), (8, 3)]
    forward.expect(EAGER_ROWS + 1)
    doubled(forward, ROWS)
    assert shapes(network)[2:] == [(None, 3)]
    forward.expect(1)
    doubled(forward, ROWS[:1])
    assert shapes(network)[3:] == [(2, 3)]  # one row would be rounded differently


def test_what_is_compiled_with_jax_serves_fewer_rows(network: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    forward = Forward(network, total_rows=5)
    assert forward._batch_rows(1) == 8
    forward.expect(None)
    assert forward._batch_rows(1) == BATCH_ROWS
    forward.expect(20)
    assert forward._batch_rows(1) == BATCH_ROWS
    forward.expect(3)
    assert forward._batch_rows(1) == 8


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX compiles for each size")
def test_who_waits_for_each_call_does_not_wait_for_a_full_batch(network: keras.Model) -> None:
    forward = Forward(network)
    forward.expect(None, waits_for_each=True)
    sizes = [[(count, len(output)) for count, output in forward(ROWS[:n])] for n in (1, 5, 64, 150)]
    assert sizes == [[(1, 1)], [(5, 5)], [(64, 64)], [(64, 64), (64, 64), (22, 64)]]
    assert len(shapes(network)) == 1  # compiled once for all of them


def test_jax_compiles_for_few_sizes_where_somebody_waits(network: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    forward = Forward(network)
    forward.expect(None, waits_for_each=True)
    assert [forward._batch_rows(n) for n in (5, 1, 9, 100)] == [8, 8, 16, BATCH_ROWS]
