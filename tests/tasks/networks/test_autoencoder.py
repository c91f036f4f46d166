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


@pytest.mark.parametrize("side", [896, 64])
def test_pooled_is_the_network_of_the_write_up(side: int) -> None:
    model = autoencoder((side, side, 1), PretrainConfig(encoder="autoencoder", architecture="pooled"))
    half = encoder(model)
    assert half.output.shape == (None, side // 4, side // 4, 3)
    assert model.output.shape == (None, side, side, 1)
    of_layers = [layer.count_params() for layer in model.layers if layer.weights]
    pairs = [a + b for a, b in zip(of_layers[:-1:2], of_layers[1::2], strict=True)]
    assert [*pairs, of_layers[-1]] == [224, 2384, 1192, 231, 256, 616, 1232, 2384, 145]
    assert model.count_params() == 8664
    kinds = [type(layer).__name__ for layer in model.layers if layer.name.startswith(("encode2", "code", "enlarge"))]
    assert kinds == [*["Conv2D", "BatchNormalization", "ReLU"] * 2, "MaxPooling2D", *["UpSampling2D"] * 2]
    assert model.get_layer("decoded").activation is keras.activations.sigmoid


@pytest.mark.slow
@pytest.mark.parametrize(("side", "code_side"), [(16, 2), (17, 3)])
def test_depth_widths_and_code_channels_of_pooled_are_settings(side: int, code_side: int) -> None:
    config = PretrainConfig(encoder="autoencoder", architecture="pooled", filters=(4, 6, 8), code_channels=5)
    tiles = np.random.default_rng(0).integers(0, 256, (2, side, side, 3)).astype(np.uint8)
    model = autoencoder((side, side, 3), config)
    assert encoder(model).predict_on_batch(tiles).shape == (2, code_side, code_side, 5)
    copies = model.predict_on_batch(tiles)
    assert copies.shape == tiles.shape
    assert copies.min() >= 0
    assert copies.max() <= 255
    assert copies.max() > 1


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
