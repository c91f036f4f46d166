import keras
import numpy as np

from configs.schema import GeometryConfig, PretrainConfig
from tasks.pretrain.corruption import HIDDEN, Corrupt
from tasks.pretrain.reconstruction import Reconstruction

STILL = GeometryConfig(flip="none", rotate_deg=0, shift=0, zoom=0)
PLAIN = PretrainConfig(encoder="autoencoder", augment=STILL)
TILES = np.random.default_rng(0).integers(0, 256, (6, 28, 28, 1)).astype(np.uint8)


def identity(shape: tuple[int, int, int], factor: float = 1.0) -> keras.Model:
    tiles = keras.Input(shape, dtype="uint8")
    return keras.Model(tiles, keras.layers.Rescaling(factor)(tiles))


def losses(config: PretrainConfig, *, training: bool) -> np.ndarray:
    values = Reconstruction(identity((28, 28, 1)), config)({"rows": TILES}, training=training)
    return keras.ops.convert_to_numpy(values["loss"])


def test_the_loss_of_a_tile_is_its_mean_squared_error_relative_to_full_brightness() -> None:
    rows = np.stack([np.full((2, 2, 1), 255), np.zeros((2, 2, 1)), np.full((2, 2, 1), 51)]).astype(np.uint8)
    values = Reconstruction(identity((2, 2, 1), 0.0), PLAIN)({"rows": rows})
    np.testing.assert_allclose(keras.ops.convert_to_numpy(values["loss"]), [1, 0, 0.04], atol=1e-6)


def test_input_and_target_are_augmented_alike() -> None:
    config = PLAIN.model_copy(update={"augment": GeometryConfig(rotate_deg=40, flip="both", shift=0.3)})
    np.testing.assert_array_equal(losses(config, training=True), 0)


def test_the_input_alone_has_noise_and_hidden_cells_and_only_in_training() -> None:
    for change in ({"noise": 0.1}, {"mask": 0.5}):
        config = PLAIN.model_copy(update=change)
        assert (losses(config, training=True) > 1e-3).all()
        np.testing.assert_array_equal(losses(config, training=False), 0)


def test_hidden_cells_are_grey_and_the_others_unchanged() -> None:
    changed = keras.ops.convert_to_numpy(Corrupt(PLAIN.model_copy(update={"mask": 0.5}))(TILES))
    hidden = (changed == HIDDEN).reshape(6, 14, 2, 14, 2).all((2, 4))
    assert 0.4 < hidden.mean() < 0.6
    shown = ~hidden.repeat(2, 1).repeat(2, 2)[..., None]
    np.testing.assert_array_equal(changed[shown], TILES[shown])


def test_noise_has_the_deviation_that_is_set() -> None:
    grey = np.full((4, 64, 64, 1), 128, np.uint8)
    changed = keras.ops.convert_to_numpy(Corrupt(PLAIN.model_copy(update={"noise": 0.1}))(grey))
    assert abs(changed.astype(float).std() - 25.5) < 1
