"""Photos that look the same are linked, crops and mirror images included; others are not."""

import numpy as np
import pytest

from tasks.filter import image_stats, near_duplicates
from tasks.filter.near_duplicates import NearDuplicates


def stats_of(*hashes: np.ndarray) -> np.ndarray:
    """Make statistics of photos with these hashes; their mirror images and crops resemble no other photo."""
    rng = np.random.default_rng(9)
    stats = np.zeros(len(hashes), image_stats.STATS_DTYPE)
    stats["hash"] = np.reshape(hashes, (-1, 32))
    for name in ("mirror", "windows"):
        stats[name] = rng.integers(0, 256, stats[name].shape)
    return stats


def flipped(hashed: np.ndarray, *places: int) -> np.ndarray:
    bits = np.unpackbits(hashed)
    bits[list(places)] ^= 1
    return np.packbits(bits)


ONE, OTHER = np.random.default_rng(8).integers(0, 256, (2, 32), np.uint8)
HIGH = np.flatnonzero((np.arange(256) // 16 >= 8) | (np.arange(256) % 16 >= 8)).tolist()


def test_rows_are_linked_up_to_the_limit() -> None:
    stats = stats_of(ONE, OTHER, flipped(ONE, *HIGH[:20]), flipped(ONE, *HIGH[:33]), ONE)
    found = NearDuplicates.find(stats, 32, mirrored=True)
    assert found.group[0] == found.group[2] == found.group[3] == found.group[4]  # row 3 is linked through row 2
    assert found.group[1] != found.group[0]
    assert (found.distance(0, 2), found.distance(0, 3), found.distance(0, 4)) == (20, 33, 0)
    assert len(set(NearDuplicates.find(stats[[0, 1, 3]], 32, mirrored=True).group)) == 3


@pytest.mark.parametrize("second", [False, True])
def test_a_crop_of_one_photo_that_resembles_the_other_links_them(second: bool) -> None:
    stats = stats_of(ONE, flipped(ONE, *HIGH[:60]))
    stats["windows"][int(second), 4] = flipped(stats["hash"][1 - int(second)], 3)
    found = NearDuplicates.find(stats, 32, mirrored=False)
    assert found.group[0] == found.group[1]
    assert found.distance(0, 1) == 1


@pytest.mark.parametrize("mirrored", [False, True])
def test_mirror_images_count_only_if_mirrored_is_set(mirrored: bool) -> None:
    stats = stats_of(ONE, OTHER)
    stats["mirror"] = stats["hash"][::-1]
    found = NearDuplicates.find(stats, 32, mirrored=mirrored)
    assert (found.group[0] == found.group[1]) == mirrored


def test_rows_with_the_same_coarse_bits_are_distinguished_by_all_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicates, "BATCH_PAIRS", 7)
    rng = np.random.default_rng(5)
    different = [flipped(ONE, *rng.permutation(HIGH)[:70]) for _ in range(20)]
    stats = stats_of(*different, flipped(ONE, 255), ONE)
    found = NearDuplicates.find(stats, 32, mirrored=True)
    assert len(set(found.group)) == 21
    assert found.group[20] == found.group[21]


def test_no_rows_have_no_groups() -> None:
    found = NearDuplicates.find(stats_of(), 32, mirrored=True)
    assert (found.group, found.pairs.shape) == ([], (0, 2))
