"""Pairs of photos are compared in a grid or one by one, with the same answer."""

import numpy as np
import pytest

from tasks.filter import resemblance
from tasks.filter.image_stats import STATS_DTYPE
from tasks.filter.resemblance import Resemblance, View


def frames(count: int) -> np.ndarray:
    """Return the statistics of frames of a camera, some of which are near only as crops or as mirror images."""
    rng = np.random.default_rng(0)
    stats = np.zeros(count, STATS_DTYPE)
    common = rng.integers(0, 256, stats["hash"].shape[1], np.uint8)

    def noise(*shape: int) -> np.ndarray:
        return np.packbits(rng.random((*shape, 8 * len(common))) < 0.02, axis=-1)

    stats["hash"] = common ^ noise(count)
    stats["mirror"] = common ^ noise(count)
    stats["windows"] = stats["hash"][:, None] ^ noise(count, stats["windows"].shape[1])
    return stats


@pytest.mark.parametrize("view", ["hash", "mirror"])
def test_a_grid_of_pairs_has_the_answers_of_single_pairs(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = Resemblance(frames(40), 6, mirrored=True)
    pairs = np.argwhere(np.triu(np.ones((40, 40), bool), 1))
    in_grid = compared.near(pairs, view)
    monkeypatch.setattr(resemblance, "_GRID_SHARE", 0)
    assert (compared.near(pairs, view) == in_grid).all()
    by_hash = np.bitwise_count(compared._words["hash"][pairs[:, 0]] ^ compared._words[view][pairs[:, 1]]).sum(axis=1)
    assert (in_grid & (by_hash > 6)).any()  # crops have been compared
    assert not in_grid.all()
