import numpy as np

from tasks.pretrain.quality import (
    PatchPCA,
    dead_channels,
    is_better_than_resize,
    mean_squared_error,
    resized,
)

SMOOTH = np.broadcast_to(np.linspace(0, 255, 16)[:, None, None], (2, 16, 16, 1)).astype(np.uint8)
NOISE = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.uint8)


def test_the_error_is_relative_to_full_brightness_and_reconstructions_are_clipped() -> None:
    black = np.zeros((1, 2, 2, 1), np.uint8)
    assert mean_squared_error(black, np.full(black.shape, 255.0)) == 1
    assert mean_squared_error(black, np.full(black.shape, -9.0)) == 0


def test_a_resize_keeps_smooth_tiles_and_loses_noise() -> None:
    assert mean_squared_error(SMOOTH, resized(SMOOTH, 64)) < 1e-3
    assert mean_squared_error(NOISE, resized(NOISE, 64)) > 0.05


def test_a_resize_to_all_values_or_more_loses_nothing() -> None:
    for values in (16 * 16 * 3, 10**6):
        np.testing.assert_allclose(resized(NOISE, values), NOISE, atol=1e-3)


def test_a_pca_gives_back_patches_of_few_dimensions_and_loses_noise() -> None:
    pca = PatchPCA.fit(SMOOTH, 4, 2, 0)
    assert pca.components.shape == (2, 16)
    assert mean_squared_error(SMOOTH, pca.copies(SMOOTH)) < 1e-5
    assert mean_squared_error(NOISE, PatchPCA.fit(NOISE, 4, 2, 0).copies(NOISE)) > 0.05


def test_a_pca_with_all_components_loses_nothing_at_the_border_either() -> None:
    tiles = NOISE[:, :15, :13]
    copies = PatchPCA.fit(tiles, 2, 12, 0).copies(tiles)
    assert copies.shape == tiles.shape
    np.testing.assert_allclose(copies, tiles, atol=0.01)


def test_channels_that_are_the_same_everywhere_are_dead() -> None:
    assert dead_channels(np.array([2.0, 0.0, 1e-9, 0.1])) == [1, 2]
    assert dead_channels(np.zeros(2)) == [0, 1]
    assert dead_channels(np.array([1e-3, 2e-3])) == []


def test_an_autoencoder_must_be_better_than_a_resize() -> None:
    assert is_better_than_resize({"autoencoder": 0.1, "resize": 0.2})
    assert not is_better_than_resize({"autoencoder": 0.1, "resize": 0.1})
