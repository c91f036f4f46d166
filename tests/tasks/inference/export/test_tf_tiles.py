"""Tiles of TensorFlow equal those of OpenCV, except for rounding."""

from io import BytesIO

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from configs.schema import PreprocessConfig
from tasks.images import tiles
from tasks.inference.export.tf_tiles import make_tile, tiles_of

CONFIGS = {
    "rgb": PreprocessConfig(side_px=48, pad_value=9),
    "grey": PreprocessConfig(side_px=48, colour="grey"),
    "crop": PreprocessConfig(side_px=30, crop=(0.1, 0.25, 0.95, 0.9)),
    "stretch": PreprocessConfig(side_px=48, fit="stretch"),
    "cut": PreprocessConfig(side_px=48, fit="cut", colour="grey"),
    "min_max": PreprocessConfig(side_px=48, levels="min_max", pad_value=9),
}
SHAPES = [
    (100, 50),
    (50, 100),
    (7, 300),
    (48, 48),
    (1, 1),
    (96, 96),
    (144, 96),
    (120, 90),
    (30, 44),
    (47, 45),
    (54, 50),
    (2, 500),
]


def graph(config: PreprocessConfig) -> tf.types.experimental.GenericFunction:
    def tile(photo: tf.Tensor) -> tf.Tensor:
        return make_tile(photo, config)

    return tf.function(tile, input_signature=[tf.TensorSpec((None, None, 3), tf.uint8)])


def photo(height: int, width: int, coarse_px: int) -> np.ndarray:
    size = (max(1, height // coarse_px), max(1, width // coarse_px), 3)
    rough = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    return cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGS)
def test_few_pixels_differ_and_by_at_most_1(name: str) -> None:
    ours = graph(CONFIGS[name])
    for height, width in SHAPES:
        for coarse_px in (1, 8):
            pixels = photo(height, width, coarse_px)
            tile, theirs = ours(pixels).numpy().astype(int), tiles.make_tile(pixels, CONFIGS[name])
            assert tile.shape == theirs.shape
            differences = np.abs(tile - theirs)
            assert differences.max() <= 1, (height, width)
            shown = min(height, width) if name == "cut" else max(height, width)
            shrinks_by = shown / CONFIGS[name].side_px
            if 1 < shrinks_by < tiles.LINEAR_BELOW and name != "stretch":
                assert differences.max() == 0, (height, width)  # both compute it in integers
            is_mixed = name == "stretch" and min(height, width) < 48 < max(height, width)  # rounded after each step
            is_rough = 1 < shrinks_by < 2 or is_mixed or name == "cut"
            assert differences.mean() < (0.2 if is_rough else 2e-3), (height, width)


@pytest.mark.slow
def test_photos_of_different_shapes_make_one_batch() -> None:
    config, photos = CONFIGS["rgb"], []
    for kind, size in (("JPEG", (60, 90)), ("PNG", (20, 10)), ("JPEG", (900, 300))):
        out = BytesIO()
        Image.fromarray(photo(*size, 8)).save(out, kind)
        photos.append(out.getvalue())
    made = tiles_of(tf.constant(photos), config).numpy()
    assert made.dtype == np.uint8
    for tile, data in zip(made, photos, strict=True):
        assert np.abs(tile.astype(int) - tiles.tile_of(data, config)).max() <= 1
