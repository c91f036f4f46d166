import os
import subprocess
import sys
from importlib.util import find_spec

import keras
import numpy as np
import pytest

from configs.schema import AugmentConfig
from tasks.networks.augment import DRAWS, Augment, Mix, augment_tiles

NO_CHANGES = AugmentConfig(flip="none", rotate_deg=0, shift=0, zoom=0)
TILES = np.random.default_rng(0).integers(0, 256, (64, 12, 16, 3)).astype(np.uint8)


def test_without_any_setting_tiles_are_unchanged() -> None:
    np.testing.assert_array_equal(np.asarray(Augment(NO_CHANGES, 0)(TILES)), TILES)


@pytest.mark.parametrize(("flip", "axis"), [("horizontal", 2), ("vertical", 1)])
def test_about_half_of_the_tiles_are_mirrored_and_the_others_unchanged(flip, axis) -> None:
    changed = np.asarray(Augment(NO_CHANGES.model_copy(update={"flip": flip}), 0)(TILES))
    mirrored = (changed == np.flip(TILES, axis)).all((1, 2, 3))
    left = (changed == TILES).all((1, 2, 3))
    assert (mirrored ^ left).all()
    assert 16 < mirrored.sum() < 48


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_codes_have_the_map_of_tiles_without_rounding_or_clipping(dtype: str) -> None:
    config = AugmentConfig(rotate_deg=30, shift=0.2, zoom=0.2, fill="constant", rand_augment=2)
    draws = np.random.default_rng(1).uniform(-1, 1, (64, DRAWS)).astype(np.float32)
    codes = (TILES.astype(np.float32) - 128).astype(dtype)
    changed = np.asarray(Augment(config, 0)(codes, draws))
    assert changed.dtype == "float32"
    assert changed.min() < -100
    as_tiles = np.asarray(Augment(config.model_copy(update={"rand_augment": 0}), 0)(TILES, draws)).astype(np.float32)
    ones = np.asarray(Augment(config, 0)(np.ones_like(codes), draws)).astype(np.float32)
    np.testing.assert_allclose(changed + 128 * ones, as_tiles, atol=0.8)
    assert ones.min() == 0  # outside a code there is 0


def draw_the_largest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every random number the largest possible one."""
    monkeypatch.setattr(keras.random, "uniform", lambda shape, low, high, seed: np.full(shape, high, np.float32))


def test_a_rotation_by_90_degrees(monkeypatch) -> None:
    square = TILES[:, :12, :12]
    layer = Augment(NO_CHANGES.model_copy(update={"rotate_deg": 90}), 0)
    draw_the_largest(monkeypatch)
    turned = np.asarray(layer(square))
    np.testing.assert_array_equal(turned, np.rot90(square, axes=(1, 2)))


def test_a_shift_fills_with_the_border(monkeypatch) -> None:
    layer = Augment(NO_CHANGES.model_copy(update={"shift": 0.25}), 0)
    draw_the_largest(monkeypatch)
    moved = np.asarray(layer(TILES))
    np.testing.assert_array_equal(moved[:, :-3, :-4], TILES[:, 3:, 4:])
    np.testing.assert_array_equal(moved[:, -3:], np.broadcast_to(moved[:, -4:-3], moved[:, -3:].shape))


def test_zoom_rotation_and_shear_keep_the_centre() -> None:
    tile = np.zeros((8, 15, 15, 1), np.uint8)
    tile[:, 7, 7] = 255
    config = NO_CHANGES.model_copy(update={"rotate_deg": 40, "zoom": 0.2, "shear_deg": 20})
    changed = np.asarray(Augment(config, 0)(tile))
    assert (changed[:, 7, 7] > 250).all()


def test_rand_augment_stays_in_range_and_changes_colours() -> None:
    changed = np.asarray(Augment(NO_CHANGES.model_copy(update={"rand_augment": 2, "magnitude": 0.5}), 0)(TILES))
    assert changed.dtype == np.uint8
    assert changed.shape == TILES.shape
    assert (changed != TILES).any()


@pytest.mark.slow
@pytest.mark.parametrize("fill", ["nearest", "reflect", "constant"])
def test_what_xla_compiles_equals_tensorflows_kernel(fill) -> None:
    """TensorFlow's kernel of affine maps is the fastest on a CPU, but XLA has none."""
    tensorflow = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the kernel is TensorFlow's")
    config = AugmentConfig(flip="both", rotate_deg=180, shift=0.9, zoom=0.5, shear_deg=30, fill=fill)
    draws = np.random.default_rng(1).uniform(-1, 1, (64, DRAWS)).astype(np.float32)
    expected = np.asarray(Augment(config, 3)(TILES, draws)).astype(int)
    compiled = tensorflow.function(Augment(config, 3, compiled=True), jit_compile=True)
    found = np.asarray(compiled(TILES, draws)).astype(int)
    assert (np.abs(found - expected) <= 1).mean() > 0.999  # of the places of two pixels, rounding may choose another
    assert len(np.unique(expected)) > 200


@pytest.mark.slow
def test_all_changes_together_are_compiled_by_tensorflow_once() -> None:
    tensorflow = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("of TensorFlow")
    augment = Augment(AugmentConfig(rand_augment=2, magnitude=0.5, shear_deg=5), 0, compiled=True)
    mix = Mix(0.2, 1.0, 0)
    assert augment.supports_jit
    assert mix.supports_jit

    @tensorflow.function(jit_compile=True)
    def step(tiles):
        return mix(augment(tiles), TARGETS, np.ones(64, np.float32))

    first, second = step(tensorflow.constant(TILES)), step(tensorflow.constant(TILES))
    assert step.experimental_get_tracing_count() == 1
    assert (np.asarray(first[0]) != np.asarray(second[0])).any()


IN_JAX = """
import jax, keras, numpy as np
from configs.schema import AugmentConfig
from tasks.networks.augment import Augment, Mix
augment = Augment(AugmentConfig(rand_augment=2, magnitude=0.5, shear_deg=5), 0, compiled=True)
mix = Mix(0.2, 1.0, 0)
assert augment.supports_jit and mix.supports_jit
tiles = np.random.default_rng(0).integers(0, 256, (8, 12, 16, 3)).astype(np.uint8)
seen = []
@jax.jit
def step(states, tiles):
    seen.append(tiles.shape)
    variables = [*augment.variables, *mix.variables]
    with keras.StatelessScope(state_mapping=list(zip(variables, states))) as scope:
        rows, targets, weights = mix(augment(tiles), np.eye(8, dtype="float32"), np.ones(8, "float32"))
    return [scope.get_current_value(each) for each in variables], rows
states = [each.value for each in (*augment.variables, *mix.variables)]
states, first = step(states, tiles)
states, second = step(states, tiles)
assert len(seen) == 1 and first.dtype == "uint8" and (first != second).any()
"""


@pytest.mark.slow
def test_all_changes_together_are_compiled_by_jax_once() -> None:
    if find_spec("jax") is None:
        pytest.skip("JAX is not installed; pip install 'fluke[gpu-jax]'")
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", IN_JAX], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def test_shares_have_the_beta_distribution() -> None:
    from scipy.stats import beta, kstest

    many = np.zeros((4000, 1), np.float32)
    many[2000:] = 1
    for alpha in (0.2, 1.0, 3.0):
        mixed, _, _ = Mix(alpha, 0, 1)(many, np.ones((4000, 1), np.float32), np.ones(4000, np.float32))
        shares = 1 - np.asarray(mixed)[:2000, 0]
        assert kstest(shares, beta(alpha, alpha).cdf).pvalue > 0.001


def test_cutmix_alone_leaves_vectors_as_they_are() -> None:
    rows = np.random.default_rng(0).normal(size=(64, 5)).astype(np.float32)
    mixed, targets, _ = Mix(0, 1, 0)(rows, TARGETS, np.ones(64, np.float32))
    np.testing.assert_array_equal(np.asarray(mixed), rows)
    np.testing.assert_array_equal(np.asarray(targets), TARGETS)


def test_the_copy_of_a_tile_does_not_depend_on_the_others() -> None:
    many = np.tile(TILES, (2, 1, 1, 1))[:70]
    copies = augment_tiles(many, AugmentConfig(), range(70))
    np.testing.assert_array_equal(copies[66:69], augment_tiles(many[66:69], AugmentConfig(), [66, 67, 68]))


def test_batches_differ_and_the_seed_determines_them() -> None:
    layer, again = (Augment(AugmentConfig(), 3) for _ in range(2))
    first, second = np.asarray(layer(TILES)), np.asarray(layer(TILES))
    assert (first != second).any()
    np.testing.assert_array_equal(np.asarray(again(TILES)), first)


TARGETS = np.eye(4, dtype=np.float32)[np.arange(64) % 4]


def test_mixup_blends_rows_and_labels_in_the_same_proportion() -> None:
    rows = np.where(np.arange(64) < 32, 0.0, 1.0).astype(np.float32).reshape(64, 1, 1, 1) * np.ones((1, 2, 2, 1), "f4")
    targets = np.eye(2, dtype=np.float32)[(np.arange(64) >= 32).astype(int)]
    mixed, labels, weights = map(np.asarray, Mix(0.4, 0, 0)(rows, targets, np.ones(64, np.float32)))
    np.testing.assert_allclose(mixed[:, 0, 0, 0], labels[:, 1], atol=1e-5)  # share of ones = share of the label
    np.testing.assert_allclose(labels.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(weights, 1, rtol=1e-5)


def test_cutmix_weighs_the_labels_by_the_area_of_the_box() -> None:
    rows = np.where(np.arange(64) < 32, 0, 255).astype(np.uint8).reshape(64, 1, 1, 1) * np.ones(
        (1, 12, 16, 3), np.uint8
    )
    targets = np.eye(2, dtype=np.float32)[(np.arange(64) >= 32).astype(int)]
    mixed, labels, _ = map(np.asarray, Mix(0, 1, 0)(rows, targets, np.ones(64, np.float32)))
    assert mixed.dtype == np.uint8
    assert set(np.unique(mixed)) == {0, 255}
    np.testing.assert_allclose((mixed == 255).mean((1, 2, 3)), labels[:, 1], atol=1e-5)


def test_a_mixture_keeps_the_weights_of_its_labels() -> None:
    weights = np.where(np.arange(64) < 32, 4, 1).astype(np.float32)
    targets = np.eye(2, dtype=np.float32)[(np.arange(64) >= 32).astype(int)]
    rows = targets.argmax(1).astype(np.float32).reshape(64, 1)
    mixed, labels, total = map(np.asarray, Mix(1, 0, 0)(rows, targets, weights))
    share = 1 - mixed[:, 0]  # of the label with weight 4
    np.testing.assert_allclose(labels[:, 0] * total, 4 * share, atol=1e-4)
    np.testing.assert_allclose(labels[:, 1] * total, 1 - share, atol=1e-4)


def test_with_mixup_and_cutmix_each_batch_uses_one_of_them() -> None:
    rows = np.where(np.arange(64) < 32, 0, 200).astype(np.uint8).reshape(64, 1, 1, 1) * np.ones(
        (1, 12, 16, 3), np.uint8
    )
    layer = Mix(1, 1, 0)
    pasted = [
        set(np.unique(np.asarray(layer(rows, TARGETS, np.ones(64, np.float32))[0]))) == {0, 200} for _ in range(12)
    ]
    assert 0 < sum(pasted) < 12
