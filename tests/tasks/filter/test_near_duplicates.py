"""Photos that look the same are linked: crops and mirror images too, and others not."""

import numpy as np
import pytest

from tasks.filter import image_stats, near_duplicates
from tasks.filter.near_duplicates import Buckets


def looks(*hashes: np.ndarray) -> np.ndarray:
    """Facts of photos with these hashes, whose mirror images and parts are like no other."""
    rng = np.random.default_rng(9)
    measured = np.zeros(len(hashes), image_stats.FACTS)
    measured["hash"] = np.reshape(hashes, (-1, 32))
    for name in ("mirror", "windows"):
        measured[name] = rng.integers(0, 256, measured[name].shape)
    return measured


def flipped(hashed: np.ndarray, *places: int) -> np.ndarray:
    bits = np.unpackbits(hashed)
    bits[list(places)] ^= 1
    return np.packbits(bits)


ONE, OTHER = np.random.default_rng(8).integers(0, 256, (2, 32), np.uint8)
HIGH = np.flatnonzero((np.arange(256) // 16 >= 8) | (np.arange(256) % 16 >= 8)).tolist()


def test_rows_are_linked_up_to_the_limit() -> None:
    measured = looks(ONE, OTHER, flipped(ONE, *HIGH[:20]), flipped(ONE, *HIGH[:33]), ONE)
    found = Buckets.of(measured, 32, mirrored=True)
    assert found.group[0] == found.group[2] == found.group[3] == found.group[4]  # the last but one by way of the third
    assert found.group[1] != found.group[0]
    assert (found.distance(0, 2), found.distance(0, 3), found.distance(0, 4)) == (20, 33, 0)
    assert len(set(Buckets.of(measured[[0, 1, 3]], 32, mirrored=True).group)) == 3


@pytest.mark.parametrize("turn", [False, True])
def test_a_part_of_one_like_the_whole_of_the_other_links_them(turn: bool) -> None:
    measured = looks(ONE, flipped(ONE, *HIGH[:60]))
    measured["windows"][int(turn), 4] = flipped(measured["hash"][1 - int(turn)], 3)
    found = Buckets.of(measured, 32, mirrored=False)
    assert found.group[0] == found.group[1]
    assert found.distance(0, 1) == 1


@pytest.mark.parametrize("mirrored", [False, True])
def test_mirror_images_count_if_they_are_to(mirrored: bool) -> None:
    measured = looks(ONE, OTHER)
    measured["mirror"] = measured["hash"][::-1]
    found = Buckets.of(measured, 32, mirrored=mirrored)
    assert (found.group[0] == found.group[1]) == mirrored


def test_many_rows_with_the_same_coarse_bits_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicates, "_BATCH_PAIRS", 7)
    rng = np.random.default_rng(5)
    unlike = [flipped(ONE, *rng.permutation(HIGH)[:70]) for _ in range(20)]
    measured = looks(*unlike, flipped(ONE, 255), ONE)
    found = Buckets.of(measured, 32, mirrored=True)
    assert len(set(found.group)) == 21
    assert found.group[20] == found.group[21]


def test_no_rows_no_groups() -> None:
    found = Buckets.of(looks(), 32, mirrored=True)
    assert (found.group, found.pairs.shape) == ([], (0, 2))
