"""Near duplicates: the same pairs as comparing everything with everything."""

from collections.abc import Iterator

import numpy as np
import pytest

from tasks.filter import hamming
from tasks.filter.hamming import groups, near_pairs


def distance(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.bitwise_count(one ^ other).sum())


def truth(hashes: np.ndarray, max_bits: int) -> np.ndarray:
    apart = np.bitwise_count(hashes[:, None] ^ hashes[None]).sum(axis=2, dtype=np.int64)
    return np.argwhere(np.triu(apart <= max_bits, 1))


@pytest.mark.parametrize("max_bits", [0, 3, 10, 40])
def test_finds_the_same_pairs_as_all_comparisons(max_bits: int) -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 256, (40, 32), np.uint8)
    hashes = base[rng.integers(0, 40, 120)]
    for row in hashes:  # flip up to 12 bits
        for bit in rng.integers(0, 256, rng.integers(0, 13)):
            row[bit // 8] ^= np.uint8(1 << (bit % 8))
    hashes = np.unique(hashes, axis=0)
    np.testing.assert_array_equal(near_pairs(hashes, max_bits), truth(hashes, max_bits))


@pytest.mark.parametrize("hash_bytes", [1, 5, 8, 32])
@pytest.mark.parametrize("max_bits", [0, 1, 2, 9, 10, 11, 20, 33, 64])
def test_few_hashes_are_all_compared(hash_bytes: int, max_bits: int) -> None:
    hashes = blurry(90, hash_bytes, max_bits)
    np.testing.assert_array_equal(near_pairs(hashes, max_bits), truth(hashes, max_bits))


@pytest.mark.parametrize(("rounds", "width"), [(400, 4), (60, 1)])
@pytest.mark.parametrize("max_bits", [1, 10, 40])
def test_finds_the_same_pairs_by_enough_rounds(
    rounds: int, width: int, max_bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hamming, "_plan", lambda *_: (rounds, width))
    monkeypatch.setattr(hamming, "_SPARE_PAIRS", 50)
    hashes = blurry(90, 32, max_bits)
    np.testing.assert_array_equal(near_pairs(hashes, max_bits), truth(hashes, max_bits))


def blurry(count: int, hash_bytes: int, seed: int) -> np.ndarray:
    """Different hashes on six grounds, from which they differ in 1, 5 or 30 % of the bits."""
    rng = np.random.default_rng(seed)
    ground = rng.integers(0, 256, (6, hash_bytes), np.uint8)
    bits = rng.random((count, hash_bytes * 8)) < rng.choice([0.01, 0.05, 0.3], count)[:, None]
    return np.unique(ground[rng.integers(0, 6, count)] ^ np.packbits(bits, axis=1), axis=0)


@pytest.mark.parametrize("max_bits", [10, 40])
def test_among_many_hashes_99_of_100_pairs_at_the_limit_are_expected(max_bits: int) -> None:
    rng = np.random.default_rng(1)
    hashes = rng.integers(0, 256, (20_000, 32), np.uint8)
    flipped = rng.random((2000, 256)).argsort(axis=1).argsort(axis=1) < max_bits
    hashes[:2000] = hashes[2000:4000] ^ np.packbits(flipped, axis=1)
    rounds, _ = hamming._plan(len(hashes), 256, max_bits)
    assert 0 < rounds < 200
    assert len(near_pairs(hashes, max_bits)) >= 1960  # 1,980 are expected


def test_work_grows_little_faster_than_the_hashes() -> None:
    def work(count: int) -> float:
        rounds, width = hamming._plan(count, 256, 40)
        return rounds * (20 * count + 3 * count**2 / 2 / 2 ** (5 / 6 * width))

    assert work(1_000_000) < 25 * work(100_000)  # 10 would be linear, 100 quadratic


def test_photos_on_a_like_ground_are_not_all_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of their bits agree, side by side: a slice of those would be common to all."""
    compared = 0
    near = hamming._near

    def counted(words: np.ndarray, order: np.ndarray, candidates: Iterator[hamming.Places], most: int) -> list:
        nonlocal compared
        batches = list(candidates)
        compared += sum(len(order[left]) for left, _ in batches)
        return near(words, order, iter(batches), most)

    monkeypatch.setattr(hamming, "_near", counted)
    hashes = np.random.default_rng(0).integers(0, 256, (3000, 32), np.uint8)
    hashes[:, :16] = 7
    assert len(near_pairs(hashes, 10)) == 0
    assert compared < 3000 * 2999 / 2 / 10


def test_groups_are_what_pairs_connect() -> None:
    group = groups(6, np.array([[0, 3], [3, 5], [1, 2]]))
    assert group[0] == group[3] == group[5]
    assert group[1] == group[2]
    assert len(set(group.tolist())) == 3
    assert len(set(groups(3, np.empty((0, 2), np.int64)).tolist())) == 3


def test_no_hashes_no_pairs() -> None:
    assert near_pairs(np.empty((0, 32), np.uint8), 4).shape == (0, 2)
    assert near_pairs(np.zeros((1, 32), np.uint8), 4).shape == (0, 2)
