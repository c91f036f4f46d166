import keras
import numpy as np
import pytest

from configs.schema import PretrainConfig
from tasks.networks.autoencoder import autoencoder, encoder
from tasks.networks.encode import encode, to_float16


def test_codes_beyond_float16_are_clipped() -> None:
    codes = to_float16(np.array([1e9, -1e9, 0.5], np.float32))
    assert codes.dtype == np.float16
    np.testing.assert_array_equal(codes, [65504, -65504, 0.5])


@pytest.mark.parametrize("channels", [1, 3])
def test_a_code_depends_only_on_its_tile(channels: int) -> None:
    keras.utils.set_random_seed(0)
    tiles = np.random.default_rng(0).integers(0, 256, (37, 16, 16, channels)).astype(np.uint8)
    model = encoder(autoencoder((16, 16, channels), PretrainConfig(filters=(4, 8), code_channels=4)))
    codes = encode(model, tiles, 16)
    assert codes.shape == (37, 4, 4, 4)
    order = np.random.default_rng(1).permutation(37)
    np.testing.assert_array_equal(encode(model, tiles[order], 16), codes[order])
    np.testing.assert_array_equal(encode(model, tiles[5:6], 16), codes[5:6])
    for batch_size in (8, 64):
        np.testing.assert_array_equal(encode(model, tiles, batch_size), codes)
