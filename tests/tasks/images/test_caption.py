"""Captions: the picture's pixels stay, the words are drawn, and the scale goes from high to low."""

import numpy as np
import pytest

from tasks.evaluate.report.fonts import font_file
from tasks.images.caption import caption
from tasks.images.heatmap import colours

PLAIN = font_file("abc")


@pytest.mark.parametrize("shape", [(40, 90, 3), (300, 200, 3), (30, 7, 3)])
def test_the_picture_stays_as_it_is_below_the_lines(shape: tuple[int, int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    drawn = caption(picture, [("true: cat", PLAIN), ("predicted: dog (83.1 %)", PLAIN)], colours(), plain=PLAIN)
    above = next(top for top in range(len(drawn)) if (drawn[top : top + shape[0], : shape[1]] == picture).all())
    assert above >= 2 * 14
    assert (drawn[:above] < 128).any(axis=(1, 2)).sum() > 10  # letters
    assert (drawn[:above, -1] == 255).all()  # no line is cut off


def test_the_scale_goes_from_the_hottest_colour_to_the_coldest() -> None:
    picture = np.full((100, 100, 3), 128, np.uint8)
    drawn = caption(picture, [], colours(), plain=PLAIN)
    bar = drawn[:, 100 + 5]
    assert (bar[0] == colours()[0]).all()
    assert (bar[-1] == [128, 128, 128]).all()
    assert int(bar[0].max()) > 200
