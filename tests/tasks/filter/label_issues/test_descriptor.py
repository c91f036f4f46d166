"""Handcrafted features of photos."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.filter.label_issues.descriptor import LENGTH, describe


def stripes(angle: float, colour: tuple[int, int, int] = (255, 255, 255), width: int = 120) -> NDArray[np.uint8]:
    y, x = np.mgrid[:90, :width]
    wave = (1 + np.sin(0.4 * (np.cos(angle) * x + np.sin(angle) * y))) / 2
    return (wave[:, :, None] * np.array(colour)).astype(np.uint8)


def noise(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (90, 120, 3), np.uint8)


def similarity(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(describe(one) @ describe(other)) / 3


def test_a_photo_becomes_a_vector_of_a_fixed_length_below_600() -> None:
    for shape in [(90, 120), (1, 1), (2, 500), (500, 2), (3, 3), (1000, 30)]:
        vector = describe(np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8))
        assert vector.shape == (LENGTH,)
        assert vector.dtype == np.float32
        assert np.isfinite(vector).all()
        assert 0 <= vector.min() <= vector.max() <= 1 + 1e-6
    assert LENGTH < 600


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_uniform_photo_has_no_edges_and_a_finite_vector(level: int) -> None:
    vector = describe(np.full((50, 80, 3), level, np.uint8))
    assert np.isfinite(vector).all()
    assert np.linalg.norm(vector) == pytest.approx(np.sqrt(2), abs=1e-4)


def test_each_part_has_unit_length() -> None:
    vector = describe(noise(0))
    lengths = [float(np.linalg.norm(part)) for part in np.split(vector, [144, 400])]
    assert lengths == pytest.approx([1, 1, 1], abs=1e-4)


def test_shape_texture_and_colour_each_distinguish_photos() -> None:
    photo = stripes(0.3)
    assert similarity(photo, stripes(0.3)) == pytest.approx(1, abs=1e-4)
    assert similarity(photo, stripes(1.3)) < 0.9
    assert similarity(photo, stripes(0.3, (255, 40, 40))) < 0.9
    assert similarity(photo, noise(0)) < 0.6 < similarity(noise(0), noise(1))


def test_the_strongest_colours_are_counted() -> None:
    red, green = np.zeros((2, 40, 40, 3), np.uint8)
    red[:, :, 0] = 255
    green[:, :, 1] = 255
    assert describe(red)[400:].sum() == pytest.approx(1)
    assert describe(red)[400:] @ describe(green)[400:] == 0


def test_a_smaller_copy_has_similar_features() -> None:
    large = stripes(0.3, width=1200)[:, ::1].repeat(4, axis=0)
    assert similarity(large, large[::2, ::2]) > 0.9
