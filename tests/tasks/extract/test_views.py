"""Views of tiles, with an encoder that returns the pixels themselves."""

from pathlib import Path

import numpy as np
import pytest

from configs.schema import AugmentConfig
from tasks.extract.views import Views
from tasks.networks.encode import Encoder

TILES = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)
NAMES = ["a", "b", "c", "d", "e", "f"]


class Pixels(Encoder):
    def __init__(self) -> None:
        super().__init__(Path(), 2)

    def __call__(self, tiles):
        return tiles.reshape(len(tiles), -1).astype(np.float16)


def test_features_are_those_of_the_tile_or_the_mean_with_the_mirrored_one() -> None:
    plain = Views(Pixels(), flip=False).features(TILES, NAMES)
    np.testing.assert_array_equal(plain, TILES.reshape(6, -1))
    mean = Views(Pixels(), flip=True).features(TILES, NAMES).reshape(TILES.shape)
    np.testing.assert_allclose(mean, (TILES.astype(np.float32) + TILES[:, :, ::-1]) / 2)
    np.testing.assert_array_equal(mean, mean[:, :, ::-1])


@pytest.mark.parametrize("flip", [False, True])
def test_a_copy_depends_on_its_name_its_number_and_its_tile_alone(flip: bool) -> None:
    views, config = Views(Pixels(), flip=flip), AugmentConfig(rotate_deg=40)
    whole = views.augmented(config, 1)(TILES, NAMES)
    assert (whole != views.features(TILES, NAMES)).any(axis=1).all()
    order = [4, 1, 2]
    some = views.augmented(config, 1)(TILES[order], [NAMES[i] for i in order])
    np.testing.assert_array_equal(some, whole[order])
    other = views.augmented(config, 2)(TILES, NAMES)
    assert (whole != other).any(axis=1).all()


def test_without_any_change_a_copy_is_the_tile() -> None:
    still = AugmentConfig(flip="none", rotate_deg=0, shift=0, zoom=0)
    found = Views(Pixels(), flip=False).augmented(still, 1)(TILES, NAMES)
    np.testing.assert_array_equal(found, TILES.reshape(6, -1))


def test_about_half_of_the_copies_are_mirrored() -> None:
    config = AugmentConfig(rotate_deg=0, shift=0, zoom=0)
    tiles = np.repeat(TILES[:1], 200, axis=0)
    found = Views(Pixels(), flip=False).augmented(config, 1)(tiles, [str(i) for i in range(200)])
    same = (found == TILES[:1].reshape(1, -1)).all(axis=1)
    assert 70 < same.sum() < 130
    np.testing.assert_array_equal(found[~same], np.repeat(TILES[:1, :, ::-1].reshape(1, -1), (~same).sum(), axis=0))
