"""Corrupted tiles."""

import numpy as np
import pytest

from tasks.evaluate.diagnose.corruptions import as_jpeg, blurred, corruptions, noisy, shifted

TILES = np.random.default_rng(1).integers(60, 200, (3, 32, 32, 3)).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("change", corruptions(0), ids=lambda change: f"{change.name} {change.strength}")
def test_tiles_keep_their_form_and_change(change, channels: int) -> None:  # type: ignore[no-untyped-def]
    tiles = TILES[..., :channels]
    changed = change.apply(tiles)
    assert (changed.shape, changed.dtype) == (tiles.shape, np.uint8)
    assert (changed != tiles).any()
    assert np.array_equal(changed, change.apply(tiles))
    assert change.apply(tiles[:0]).shape == (0, 32, 32, channels)


def test_the_stronger_one_changes_more() -> None:
    for weak, strong in ((as_jpeg(TILES, 90), as_jpeg(TILES, 5)), (noisy(TILES, 0.02, 0), noisy(TILES, 0.2, 0))):
        assert np.abs(strong - TILES.astype(float)).mean() > np.abs(weak - TILES.astype(float)).mean()
    assert blurred(TILES, 0.1).std() < blurred(TILES, 0.02).std() < TILES.std()


def test_jpeg_keeps_the_colours() -> None:
    red = np.zeros((1, 16, 16, 3), np.uint8)
    red[..., 0] = 200
    assert as_jpeg(red, 90).mean(axis=(0, 1, 2)) == pytest.approx([200, 0, 0], abs=4)


def test_a_shift_moves_by_its_share_of_the_side() -> None:
    tile = np.zeros((1, 64, 64, 1), np.uint8)
    tile[:, 28:36, 28:36] = 255
    moved = shifted(tile, 0.1, seed=3)[0, ..., 0].astype(float)
    rows, columns = (np.average(np.arange(64), weights=moved.sum(axis=axis)) for axis in (1, 0))
    assert np.hypot(rows - 31.5, columns - 31.5) == pytest.approx(6.4, abs=0.1)
