"""`near_pairs` finds the same pairs as comparing all hashes with all others."""

import numpy as np
import pytest

from tasks.filter import hamming
from tasks.filter.hamming import near_pairs, plan_rounds


def distance(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.bitwise_count(one ^ other).sum())


def all_pairs_within(hashes: np.ndarray, max_bits: int) -> np.ndarray:
    apart = np.bitwise_count(hashes[:, None] ^ hashes[None]).sum(axis=2, dtype=np.int64)
    return np.argwhere(np.triu(apart <= max_bits, 1))


def pairs_of(hashes: np.ndarray, max_bits: int) -> np.ndarray:
    found = np.concatenate([np.empty((0, 2), np.int64), *near_pairs(hashes, max_bits)])
    return found[np.lexsort(found.T[::-1])]


@pytest.mark.parametrize("max_bits", [0, 3, 10, 40])
def test_finds_the_same_pairs_as_all_comparisons(max_bits: int) -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 256, (40, 32), np.uint8)
    hashes = base[rng.integers(0, 40, 120)]
    for row in hashes:  # flip up to 12 bits
        for bit in rng.integers(0, 256, rng.integers(0, 13)):
            row[bit // 8] ^= np.uint8(1 << (bit % 8))
    hashes = np.unique(hashes, axis=0)
    np.testing.assert_array_equal(pairs_of(hashes, max_bits), all_pairs_within(hashes, max_bits))


@pytest.mark.parametrize("hash_bytes", [1, 5, 8, 32])
@pytest.mark.parametrize("max_bits", [0, 1, 2, 9, 10, 11, 20, 33, 64])
def test_a_small_number_of_hashes_is_compared_completely(hash_bytes: int, max_bits: int) -> None:
    hashes = similar_hashes(90, hash_bytes, max_bits)
    np.testing.assert_array_equal(pairs_of(hashes, max_bits), all_pairs_within(hashes, max_bits))


@pytest.mark.parametrize(("rounds", "width"), [(400, 4), (60, 1)])
@pytest.mark.parametrize("max_bits", [1, 10, 40])
def test_finds_the_same_pairs_in_enough_rounds(
    rounds: int, width: int, max_bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hamming, "plan_rounds", lambda *_: (rounds, width))
    monkeypatch.setattr(hamming, "MAX_REPEATED_PAIRS", 50)
    hashes = similar_hashes(90, 32, max_bits)
    np.testing.assert_array_equal(pairs_of(hashes, max_bits), all_pairs_within(hashes, max_bits))


def similar_hashes(count: int, hash_bytes: int, seed: int) -> np.ndarray:
    """Make different hashes that differ from one of six random hashes in 1, 5 or 30 % of the bits."""
    rng = np.random.default_rng(seed)
    centres = rng.integers(0, 256, (6, hash_bytes), np.uint8)
    bits = rng.random((count, hash_bytes * 8)) < rng.choice([0.01, 0.05, 0.3], count)[:, None]
    return np.unique(centres[rng.integers(0, 6, count)] ^ np.packbits(bits, axis=1), axis=0)


@pytest.mark.parametrize("max_bits", [10, 40])
def test_finds_99_of_100_pairs_at_the_limit_among_many_hashes(max_bits: int) -> None:
    rng = np.random.default_rng(1)
    hashes = rng.integers(0, 256, (20_000, 32), np.uint8)
    flipped = rng.random((2000, 256)).argsort(axis=1).argsort(axis=1) < max_bits
    hashes[:2000] = hashes[2000:4000] ^ np.packbits(flipped, axis=1)
    rounds, _ = plan_rounds(len(hashes), 256, max_bits)
    assert 0 < rounds < 200
    assert len(pairs_of(hashes, max_bits)) >= 1960  # 1,980 are expected


def test_work_is_nearly_linear_in_the_number_of_hashes() -> None:
    def work(count: int) -> float:
        rounds, width = plan_rounds(count, 256, 40)
        return rounds * (20 * count + 3 * count**2 / 2 / 2 ** (5 / 6 * width))

    assert work(1_000_000) < 25 * work(100_000)  # 10 would be linear, 100 quadratic


def test_hashes_with_equal_neighbouring_bits_are_not_all_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the bits are equal and neighbours: a key of neighbouring bits would be the same for all hashes."""
    compared = counted_comparisons(monkeypatch)
    hashes = np.random.default_rng(0).integers(0, 256, (3000, 32), np.uint8)
    hashes[:, :16] = 7
    assert len(pairs_of(hashes, 10)) == 0
    assert sum(compared) < 3000 * 2999 / 2 * 2 / 3  # these are mostly cheap comparisons of crowded hashes


def counted_comparisons(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    compared: list[int] = []
    distances = hamming.distances

    def counted(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
        apart = distances(ours, theirs)
        compared.append(apart.size)
        return apart

    monkeypatch.setattr(hamming, "distances", counted)
    return compared


def crowd(among: int, alike: int) -> np.ndarray:
    """Make hashes of which some differ from a common one in up to three bits, so that they share most keys."""
    rng = np.random.default_rng(2)
    hashes = rng.integers(0, 256, (among, 8), np.uint8)
    bits = np.zeros((alike, 64), bool)
    bits[np.arange(alike)[:, None], rng.integers(0, 64, (alike, 3))] = True
    hashes[rng.permutation(among)[:alike]] = rng.integers(0, 256, 8, np.uint8) ^ np.packbits(bits, axis=1)
    return hashes


@pytest.mark.parametrize("batch", [700, 1 << 17])
def test_pairs_among_crowded_hashes_and_others_are_found_once(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hamming, "BATCH_PAIRS", batch)
    monkeypatch.setattr(hamming, "plan_rounds", lambda *_: (60, 12))
    hashes = crowd(1500, 500)
    np.testing.assert_array_equal(pairs_of(hashes, 10), all_pairs_within(hashes, 10))


def test_crowded_hashes_are_compared_once_and_not_in_each_round(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = counted_comparisons(monkeypatch)
    rounds, _ = plan_rounds(20_000, 64, 10)
    assert rounds > 20
    assert len(pairs_of(crowd(20_000, 1000), 10)) >= 1000 * 999 / 2
    assert sum(compared) < 6 * 1000**2


def test_no_hashes_have_no_pairs() -> None:
    assert pairs_of(np.empty((0, 32), np.uint8), 4).shape == (0, 2)
    assert pairs_of(np.zeros((1, 32), np.uint8), 4).shape == (0, 2)
