"""Near duplicates: the same pairs as comparing everything with everything, and hashes that survive mild changes."""

import itertools

import cv2
import numpy as np
import pytest

from tasks.support.duplicates import groups, near_pairs, perceptual_hash


def distance(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.bitwise_count(one ^ other).sum())


@pytest.mark.parametrize("max_bits", [0, 3, 10, 40])
def test_links_the_same_photos_as_all_comparisons(max_bits: int) -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 256, (40, 32), np.uint8)
    hashes = base[rng.integers(0, 40, 120)]
    for row in hashes:  # flip up to 12 bits
        for bit in rng.integers(0, 256, rng.integers(0, 13)):
            row[bit // 8] ^= np.uint8(1 << (bit % 8))
    every = itertools.combinations(range(120), 2)
    truth = np.array([pair for pair in every if distance(*hashes[list(pair)]) <= max_bits]).reshape(-1, 2)
    found = near_pairs(hashes, max_bits)
    assert all(distance(*hashes[pair]) <= max_bits for pair in found)
    assert len({tuple(pair) for pair in found.tolist()}) == len(found)
    np.testing.assert_array_equal(_partition(120, found), _partition(120, truth))


def _partition(count: int, pairs: np.ndarray) -> np.ndarray:
    group = groups(count, pairs)
    return group[:, None] == group[None, :]


def test_no_hashes_no_pairs() -> None:
    assert near_pairs(np.empty((0, 32), np.uint8), 4).shape == (0, 2)
    assert near_pairs(np.zeros((1, 32), np.uint8), 4).shape == (0, 2)


def test_many_equal_hashes_are_chained_not_all_paired() -> None:
    assert len(near_pairs(np.zeros((5000, 32), np.uint8), 4)) == 4999


def test_hash_survives_mild_changes_and_tells_photos_apart() -> None:
    rng = np.random.default_rng(1)
    photos = [cv2.resize(rng.integers(0, 256, (12, 12, 3), np.uint8), (200, 160)) for _ in range(2)]
    hashed = perceptual_hash(photos[0])
    smaller = cv2.resize(photos[0], (150, 120), interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", photos[0], [cv2.IMWRITE_JPEG_QUALITY, 60])
    brighter = cv2.convertScaleAbs(photos[0], alpha=1.0, beta=12)
    for changed in (smaller, cv2.imdecode(jpeg, cv2.IMREAD_COLOR), brighter):
        assert distance(hashed, perceptual_hash(changed)) <= 12
    assert distance(hashed, perceptual_hash(photos[1])) > 60
