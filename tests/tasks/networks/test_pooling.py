"""Pooling: the generalised mean, roots, statistics of texture."""

import keras
import numpy as np
import pytest

from tasks.networks.classifier import pool
from tasks.networks.pooling import EXPONENT, texture
from tests.helpers.warm_process import WarmProcess

RANDOM = np.random.default_rng(0)


def pooled(shape: tuple[int, ...] = (4, 5, 3), how: str = "gem") -> keras.Model:
    features = keras.Input(shape, name="maps")
    return keras.Model(features, pool(features, how))


def test_it_is_the_generalised_mean_of_each_channel() -> None:
    maps = RANDOM.normal(1, 1, (2, 4, 5, 3)).astype(np.float32)
    expected = np.mean(np.maximum(maps, 0).astype(np.float64) ** EXPONENT, axis=(1, 2)) ** (1 / EXPONENT)
    model = pooled()
    assert {"features", "pooled"} <= {layer.name for layer in model.layers}
    np.testing.assert_allclose(model.predict_on_batch(maps), expected, rtol=1e-5)
    np.testing.assert_allclose(pooled(how="mean").predict_on_batch(maps), maps.mean(axis=(1, 2)), rtol=1e-5)


def test_equal_responses_are_their_own_mean() -> None:
    np.testing.assert_allclose(pooled().predict_on_batch(np.full((1, 4, 5, 3), 2.5, np.float32)), 2.5, rtol=1e-6)


def test_vectors_are_left_as_they_are() -> None:
    vectors = RANDOM.normal(size=(2, 3)).astype(np.float32)
    np.testing.assert_array_equal(pooled((3,)).predict_on_batch(vectors), vectors)


@pytest.mark.parametrize("value", [0, -3, 1e-5, 6, 1e4])
def test_values_and_gradients_are_finite(value: float) -> None:
    tensorflow = pytest.importorskip("tensorflow")
    maps = tensorflow.Variable(np.full((1, 4, 5, 3), value, np.float32))
    model = pooled()
    with tensorflow.GradientTape() as tape:
        vectors = model(maps)
    assert np.isfinite(np.asarray(vectors)).all()
    assert np.isfinite(np.asarray(tape.gradient(vectors, maps))).all()


def test_large_responses_do_not_overflow_in_half_precision() -> None:
    """The cube of 60 is beyond float16."""
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_float16")
        model = pooled()
        vectors = model.predict_on_batch(np.full((1, 4, 5, 3), 60, np.float32))
    finally:
        keras.config.set_dtype_policy(before)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, 60, rtol=1e-3)


@pytest.mark.slow
def test_a_saved_model_needs_no_code_of_ours(tmp_path) -> None:
    model, maps = pooled(), RANDOM.normal(size=(2, 4, 5, 3)).astype(np.float32)
    model.save(tmp_path / "model.keras")
    code = (
        "import sys, keras, numpy; model = keras.models.load_model(sys.argv[1]); "
        "numpy.save(sys.argv[3], model.predict_on_batch(numpy.load(sys.argv[2]))); assert 'tasks' not in sys.modules"
    )
    np.save(tmp_path / "maps.npy", maps)
    names = [str(tmp_path / name) for name in ("model.keras", "maps.npy", "vectors.npy")]
    WarmProcess.run("-c", code, *names, folder=tmp_path)
    np.testing.assert_allclose(np.load(tmp_path / "vectors.npy"), model.predict_on_batch(maps), rtol=1e-6)


def test_roots_have_the_signs_of_the_means_and_one_length() -> None:
    maps = RANDOM.normal(0, 1, (2, 4, 5, 3)).astype(np.float32)
    means = maps.mean(axis=(1, 2), dtype=np.float64)
    roots = np.sign(means) * np.sqrt(np.abs(means))
    expected = roots / np.linalg.norm(roots, axis=1, keepdims=True) * np.sqrt(3)
    np.testing.assert_allclose(pooled(how="root").predict_on_batch(maps), expected, rtol=1e-4)
    np.testing.assert_allclose(pooled(how="root").predict_on_batch(10 * maps), expected, rtol=1e-4)


def test_roots_of_an_empty_map_are_finite() -> None:
    assert np.isfinite(pooled(how="root").predict_on_batch(np.zeros((1, 4, 5, 3), np.float32))).all()


def test_a_flat_map_has_all_values_row_by_row() -> None:
    maps = RANDOM.normal(0, 1, (2, 4, 5, 3)).astype(np.float32)
    np.testing.assert_array_equal(pooled(how="flatten").predict_on_batch(maps), maps.reshape(2, -1))


@pytest.mark.parametrize("how", ["mean", "root", "gem"])
def test_statistics_of_texture_follow_the_pooled_map(how: str) -> None:
    maps, textures = (RANDOM.normal(0, 1, (2, side, side, 3)).astype(np.float32) for side in (3, 6))
    inputs = [keras.Input((3, 3, 3)), keras.Input((6, 6, 3))]
    model = keras.Model(inputs, pool(inputs[0], how, texture(inputs[1])))
    found = model([maps, textures])
    assert found.shape == (2, 9)
    alone = keras.Model(inputs[0], pool(inputs[0], how))(maps)
    np.testing.assert_allclose(found[:, :3], alone, rtol=1e-5)
    np.testing.assert_allclose(found[:, 3:6], textures.mean(axis=(1, 2)) / 100, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(found[:, 6:], np.square(textures).mean(axis=(1, 2)) / 1000, rtol=1e-4)
    keras.Model(model.get_layer("features").output, model.output)  # heat maps need the way from there to the end
