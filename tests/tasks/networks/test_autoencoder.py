import keras
import numpy as np
import pytest

from configs.schema import PretrainConfig
from tasks.networks.autoencoder import autoencoder, encoder

CONFIG = PretrainConfig(filters=(4, 4), code_channels=3)


@pytest.mark.parametrize(("side", "code_side"), [(16, 4), (17, 5), (9, 3)])
def test_reconstructions_have_the_side_of_the_tiles_and_codes_a_quarter_rounded_up(side: int, code_side: int) -> None:
    tiles = np.zeros((2, side, side, 3), np.uint8)
    model = autoencoder((side, side, 3), CONFIG)
    assert model.predict_on_batch(tiles).shape == tiles.shape
    code = encoder(model).predict_on_batch(tiles)
    assert code.shape == (2, code_side, code_side, 3)
    assert code.dtype == np.float32


@pytest.mark.slow
def test_training_on_unscaled_tiles_works_and_leaves_no_dead_channel() -> None:
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    plain = random.integers(0, 256, (64, 1, 1, 1)) + random.integers(-9, 10, (64, 16, 16, 1))
    tiles = np.clip(plain, 0, 255).astype(np.uint8)
    model = autoencoder((16, 16, 1), CONFIG)
    model.compile(keras.optimizers.Adam(5e-3), "mean_squared_error")
    model.fit(tiles, tiles, batch_size=8, epochs=15, verbose=0)
    copies = model.predict(tiles, verbose=0)
    assert np.sqrt(np.mean((copies - tiles) ** 2.0)) < 20 < tiles.std()
    assert encoder(model).predict(tiles, verbose=0).std(axis=(0, 1, 2)).min() > 0.01


def test_a_saved_encoder_gives_the_same_codes(tmp_path) -> None:
    tiles = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 1)).astype(np.uint8)
    saved = encoder(autoencoder((16, 16, 1), CONFIG))
    saved.save(tmp_path / "saved.keras")
    loaded = keras.models.load_model(tmp_path / "saved.keras")
    np.testing.assert_array_equal(loaded.predict_on_batch(tiles), saved.predict_on_batch(tiles))
