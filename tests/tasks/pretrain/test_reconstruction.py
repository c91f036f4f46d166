import keras
import numpy as np

from tasks.pretrain.reconstruction import Reconstruction


def test_the_loss_of_a_tile_is_its_mean_squared_error_relative_to_full_brightness() -> None:
    tiles = keras.Input((2, 2, 1), dtype="uint8")
    black = keras.Model(tiles, keras.layers.Rescaling(0.0)(tiles))
    rows = np.stack([np.full((2, 2, 1), 255), np.zeros((2, 2, 1)), np.full((2, 2, 1), 51)]).astype(np.uint8)
    values = Reconstruction(black)({"rows": rows})
    np.testing.assert_allclose(keras.ops.convert_to_numpy(values["loss"]), [1, 0, 0.04], atol=1e-6)
