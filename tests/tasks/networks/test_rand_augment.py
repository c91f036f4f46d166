"""RandAugment's operations equal those of Pillow, with which the paper's authors made them."""

from collections.abc import Callable

import numpy as np
import pytest
from keras import ops
from PIL import Image, ImageEnhance, ImageOps

from tasks.networks.affine import transform
from tasks.networks.rand_augment import OPERATIONS, Draw

IMAGES = np.random.default_rng(0).integers(20, 180, (2, 24, 32, 3)).astype(np.uint8)
IMAGES[1] = IMAGES[1] // 3 + 90
M = 0.5
PILLOW: dict[str, Callable[[Image.Image, float], Image.Image]] = {
    "identity": lambda image, _: image,
    "rotate": lambda image, _: image,  # what moves pixels is part of the affine map
    "autocontrast": lambda image, _: ImageOps.autocontrast(image),
    "equalize": lambda image, _: ImageOps.equalize(image),
    "solarize": lambda image, _: ImageOps.solarize(image, 128),
    "posterize": lambda image, _: ImageOps.posterize(image, 6),
    "color": lambda image, sign: ImageEnhance.Color(image).enhance(1 + 0.45 * sign),
    "contrast": lambda image, sign: ImageEnhance.Contrast(image).enhance(1 + 0.45 * sign),
    "brightness": lambda image, sign: ImageEnhance.Brightness(image).enhance(1 + 0.45 * sign),
    "sharpness": lambda image, sign: ImageEnhance.Sharpness(image).enhance(1 + 0.45 * sign),
}


def draw(name: str, sign: int, count: int = 2) -> Draw:
    return Draw(np.full(count, OPERATIONS.index(name), np.int32), np.full(count, sign, np.float32), M)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("name", list(PILLOW))
def test_colours_change_as_in_pillow(name: str, sign: int) -> None:
    found = np.asarray(draw(name, sign).recolour(IMAGES.astype(np.float32)))
    expected = np.stack([np.asarray(PILLOW[name](Image.fromarray(image), sign)) for image in IMAGES])
    inside = np.s_[:, 1:-1, 1:-1]  # Pillow does not blur the border
    assert np.abs(found[inside] - expected[inside].astype(int)).max() <= 1


def test_each_image_gets_its_own_operation() -> None:
    chosen = np.array([OPERATIONS.index("solarize"), OPERATIONS.index("identity")], np.int32)
    found = np.asarray(Draw(chosen, np.ones(2, np.float32), M).recolour(IMAGES.astype(np.float32)))
    np.testing.assert_array_equal(found[1], IMAGES[1])
    np.testing.assert_array_equal(found[0], np.asarray(ImageOps.solarize(Image.fromarray(IMAGES[0]), 128)))


@pytest.mark.parametrize(
    ("name", "coefficients"),
    [
        ("shear_x", (1, 0.15, 0, 0, 1, 0)),
        ("shear_y", (1, 0, 0, 0.15, 1, 0)),
        ("translate_x", (1, 0, 0.225 * 32, 0, 1, 0)),
        ("translate_y", (1, 0, 0, 0, 1, 0.225 * 24)),
    ],
)
def test_pixels_move_as_in_pillow(name: str, coefficients: tuple[float, ...]) -> None:
    maps = draw(name, 1).affine_map(24, 32)
    found = np.asarray(transform(IMAGES, maps, "constant", compiled=True))
    a, b, c, d, e, f = coefficients
    c, f = c - 15.5 * (a - 1) - 11.5 * b, f - 15.5 * d - 11.5 * (e - 1)  # about the centre
    c, f = c + (a + b - 1) / -2 + 0.0, f + (d + e - 1) / -2  # Pillow's pixels begin at 0, and ours are centred there
    expected = np.stack(
        [
            np.asarray(Image.fromarray(image).transform((32, 24), Image.Transform.AFFINE, (a, b, c, d, e, f), 2))
            for image in IMAGES
        ]
    )
    inside = np.s_[:, 8:-8, 10:-10]
    assert np.abs(found[inside] - expected[inside].astype(int)).max() <= 2


def test_a_rotation_is_by_half_of_thirty_degrees() -> None:
    maps = draw("rotate", 1).affine_map(24, 32)
    turn = np.degrees(np.arctan2(np.asarray(maps.d), np.asarray(maps.a)))
    np.testing.assert_allclose(turn, 15, rtol=1e-5)


def test_all_operations_are_drawn_about_equally_often() -> None:
    from keras.random import SeedGenerator

    drawn = Draw.random(2800, 0.5, SeedGenerator(0))
    counts = np.bincount(np.asarray(drawn._chosen), minlength=len(OPERATIONS))
    assert counts.min() > 130
    assert counts.max() < 280
    assert abs(float(np.asarray(ops.mean(drawn._direction)))) < 0.1
