import numpy as np
import pytest

from tasks.images import heatmap
from tasks.images.heatmap import draw_heat_map


@pytest.mark.parametrize("channels", [1, 3])
def test_the_hottest_part_is_coloured_and_the_coldest_unchanged(channels: int) -> None:
    picture = np.full((20, 40, channels), 100, np.uint8)
    heat = np.zeros((2, 2), np.float32)
    heat[0, 1] = 7
    drawn = draw_heat_map(picture, heat)
    assert drawn.shape == (20, 40, 3)
    assert drawn[-1, 0].tolist() == [100] * 3
    assert drawn[0, -1].tolist() != [100] * 3
    assert int(drawn[0, -1].max()) > 150


def test_a_heat_map_of_zeros_changes_nothing() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (5, 6, 3), np.uint8)
    np.testing.assert_array_equal(draw_heat_map(picture, np.zeros((2, 2), np.float32)), picture)


def test_a_large_picture_is_drawn_in_parts_like_a_whole_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    picture, heat = rng.integers(0, 255, (70, 30, 3), np.uint8), rng.random((70, 30), np.float32)
    whole = draw_heat_map(picture, heat)
    monkeypatch.setattr(heatmap, "_ROWS", 16)
    np.testing.assert_array_equal(draw_heat_map(picture, heat), whole)
