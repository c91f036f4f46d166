"""Near duplicates: the same pairs as comparing everything with everything, and hashes that survive mild changes."""

import itertools

import cv2
import numpy as np
import pytest

from tasks.support.duplicates import groups, near_pairs, perceptual_hash


def distance(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.bitwise_count(one ^ other).sum())


@pytest.mark.parametrize("max_bits", [0, 3, 10, 40])
def test_finds_the_same_pairs_as_all_comparisons(max_bits: int) -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 256, (40, 32), np.uint8)
    hashes = base[rng.integers(0, 40, 120)]
    for row in hashes:  # flip up to 12 bits
        for bit in rng.integers(0, 256, rng.integers(0, 13)):
            row[bit // 8] ^= np.uint8(1 << (bit % 8))
    hashes = np.unique(hashes, axis=0)
    count = len(hashes)
    every = itertools.combinations(range(count), 2)
    truth = np.array([pair for pair in every if distance(*hashes[list(pair)]) <= max_bits]).reshape(-1, 2)
    np.testing.assert_array_equal(near_pairs(hashes, max_bits), truth)


def test_groups_are_what_pairs_connect() -> None:
    group = groups(6, np.array([[0, 3], [3, 5], [1, 2]]))
    assert group[0] == group[3] == group[5]
    assert group[1] == group[2]
    assert len(set(group.tolist())) == 3
    assert len(set(groups(3, np.empty((0, 2), np.int64)).tolist())) == 3


def test_no_hashes_no_pairs() -> None:
    assert near_pairs(np.empty((0, 32), np.uint8), 4).shape == (0, 2)
    assert near_pairs(np.zeros((1, 32), np.uint8), 4).shape == (0, 2)


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
