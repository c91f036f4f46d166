"""Find the pairs of hashes that differ in a few bits, by locality-sensitive hashing (LSH)."""

from collections.abc import Iterator
from math import ceil, comb, log, log1p

import numpy as np
from numpy.typing import NDArray

Positions = tuple[slice | NDArray[np.int64], slice | NDArray[np.int64]]
"""A batch of pairs: the positions of the first and of the second members."""

MAX_REPEATED_PAIRS = 1 << 20
"""Pairs that may be collected, repeated ones included, before the repeated ones are removed."""
_MISS_RATE = 0.01
"""Expected share of missed pairs, of those that differ in exactly the allowed number of bits."""
_BIT_INFORMATION = 5 / 6


def near_pairs(hashes: NDArray[np.uint8], max_bits: int) -> NDArray[np.int64]:
    """Find the pairs of hashes that differ in at most `max_bits` bits.

    Each round draws some bits at random, and compares only the hashes that agree in all of them. There are so many
    rounds that 99 of 100 pairs with exactly `max_bits` different bits are expected to be found, and nearer pairs almost
    always (A. Gionis, P. Indyk and R. Motwani, "Similarity Search in High Dimensions via Hashing", VLDB 1999, section
    3). The time is nearly linear in n. A small number of hashes is compared completely. The same hashes give the same
    pairs.

    Args:
        hashes: `(n, bytes)`, uint8; all different.
        max_bits: Largest distance of a pair, in bits.

    Returns:
        Row numbers `(pairs, 2)`, the smaller one first, sorted, each pair once.
    """
    count, bits = len(hashes), 8 * hashes.shape[1]
    words = np.zeros((-(-bits // 64), count), np.uint64)
    words.view(np.uint8).reshape(len(words), count, 8)[:] = _padded(hashes).reshape(count, len(words), 8).swapaxes(0, 1)
    rounds, width = plan_rounds(count, bits, max_bits)
    if not rounds:
        return _decode_pairs(pairs_within(words, np.arange(count), _all_pairs(count), max_bits), count)
    # Neighbouring bits correlate between photos with a similar background. Random bits avoid a key that many share.
    rng = np.random.default_rng(0)
    found: list[NDArray[np.int64]] = []
    for _ in range(rounds):
        order, candidates = _pairs_with_equal_keys(_key(hashes, rng.permutation(bits)[:width]))
        found += pairs_within(words, order, candidates, max_bits)
        # Most pairs are found in many rounds. Removing the repeated ones rarely bounds the memory at little cost.
        if len(found) > 1 and sum(map(len, found[1:])) > max(MAX_REPEATED_PAIRS, len(found[0])):
            found = [np.unique(np.concatenate(found))]
    return _decode_pairs(found, count)


def plan_rounds(count: int, bits: int, max_bits: int) -> tuple[int, int]:
    """Choose the number of rounds and the number of bits that must agree in each, such that the work is least.

    The estimate: sorting one row costs as much as 20 complete comparisons, and one comparison of a candidate as 3.
    Hashes of photos are less random than noise: one bit separates them as well as 5/6 of a random bit.

    Returns:
        Rounds and bits; (0, 0) means that comparing all pairs is cheapest.
    """
    every = count * count / 2
    work = {(0, 0): every}
    for width in range(1, min(64 - count.bit_length(), bits - max_bits) + 1):
        agree = comb(bits - width, max_bits) / comb(bits, max_bits)
        rounds = ceil(log(_MISS_RATE) / log1p(-agree)) if agree < 1 else 1
        work[rounds, width] = rounds * (20 * count + 3 * every / 2 ** (_BIT_INFORMATION * width))
    return min(work, key=lambda plan: work[plan])


def _decode_pairs(found: list[NDArray[np.int64]], count: int) -> NDArray[np.int64]:
    """Decode pairs of `count` rows, given as i * count + j, to `(m, 2)`, sorted, each once."""
    return np.stack(np.divmod(np.unique(np.concatenate([np.empty(0, np.int64), *found])), max(1, count)), axis=1)


def _padded(hashes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Append zeros, so that each hash has a multiple of 8 bytes."""
    return np.pad(hashes, ((0, 0), (0, -hashes.shape[1] % 8)))


def _key(hashes: NDArray[np.uint8], columns: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Combine some bits of each hash to one number, `(n,)`."""
    key = np.zeros(len(hashes), np.uint64)
    for position, column in enumerate(columns.tolist()):
        bit = hashes[:, column // 8] >> np.uint8(7 - column % 8) & np.uint8(1)
        key |= bit.astype(np.uint64) << np.uint64(position)
    return key


def _all_pairs(count: int) -> Iterator[Positions]:
    """Yield all pairs of `count` positions, in batches."""
    for step in range(1, count):
        yield slice(0, count - step), slice(step, count)


def _pairs_with_equal_keys(key: NDArray[np.uint64]) -> tuple[NDArray[np.int64], Iterator[Positions]]:
    """Sort the rows by key; return that order, and batches of pairs of positions in it whose keys are equal."""
    index_bits = np.uint64(len(key).bit_length())
    packed = np.sort(key << index_bits | np.arange(len(key), dtype=np.uint64))
    order = (packed & ((np.uint64(1) << index_bits) - np.uint64(1))).astype(np.int64)
    return order, _pairs_in_buckets(packed >> index_bits)


def _pairs_in_buckets(bucket: NDArray[np.uint64]) -> Iterator[Positions]:
    """Yield pairs of positions in the same bucket; the bucket numbers are sorted."""
    start = np.arange(len(bucket))
    step = 1
    while len(start := start[: np.searchsorted(start, len(bucket) - step)]):
        start = start[bucket[start] == bucket[start + step]]
        yield start, start + step
        step += 1


def pairs_within(
    words: NDArray[np.uint64], order: NDArray[np.int64], candidates: Iterator[Positions], max_bits: int
) -> list[NDArray[np.int64]]:
    """Keep the candidate pairs that differ in at most `max_bits` bits.

    Args:
        words: The hashes as `(words of 64 bits, n)`, uint64.
        order: Row numbers `(n,)`; candidates are positions in it.
        candidates: Batches of pairs.
        max_bits: Largest distance of a pair, in bits.

    Returns:
        Arrays of pairs of rows (i, j), i < j, each coded as i * n + j.
    """
    # Hashes of different photos differ in about 32 of 64 bits, so the first words exclude most candidates.
    first, *others = words[: max_bits // 24 + 1, order]
    found = []
    for left, right in candidates:
        apart = np.bitwise_count(first[left] ^ first[right])
        for word in others:
            apart = apart + np.bitwise_count(word[left] ^ word[right])
        near = np.flatnonzero(apart <= max_bits)
        if len(near):
            ours, theirs = (
                order[part.start + near if isinstance(part, slice) else part[near]] for part in (left, right)
            )
            total = np.bitwise_count(words[:, ours] ^ words[:, theirs]).sum(axis=0, dtype=np.int64)
            pairs = np.minimum(ours, theirs) * len(order) + np.maximum(ours, theirs)
            found.append(pairs[total <= max_bits])
    return [np.concatenate(found)] if found else []
