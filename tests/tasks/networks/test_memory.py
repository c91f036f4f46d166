from configs.schema import PretrainConfig
from tasks.networks import memory
from tasks.networks.autoencoder import autoencoder

POOLED = PretrainConfig(encoder="autoencoder", architecture="pooled")


def test_large_tiles_are_computed_a_few_at_a_time_and_small_ones_together() -> None:
    large, small = (autoencoder((side, side, 1), POOLED) for side in (896, 64))
    assert memory.rows_in_training(large) == 1
    assert memory.rows_in_training(small) >= 32
    assert memory.rows_forward(large, 64) == 4
    assert memory.rows_forward(small, 64) == 64
    assert memory.rows_forward(small, 5) == 5


def test_the_need_of_a_row_is_that_of_all_outputs_and_their_gradients() -> None:
    side = 64
    values = (
        side * side * (1 + 1 + 6 * 16 + 16 + 2)
    )  # tiles, scaled, two pairs of blocks, enlarged, decoded, brightness
    values += (side // 2) ** 2 * (16 + 3 * (8 + 3) + 8 + 6 * 16) + (side // 4) ** 2 * (3 + 6 * 8)
    assert memory.training_bytes(autoencoder((side, side, 1), POOLED)) == 2 * 4 * values
