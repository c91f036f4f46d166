"""Near duplicates: photos whose perceptual hashes differ in a few bits only."""

from collections.abc import Iterator
from math import ceil, comb, log, log1p

import numpy as np
from numpy.typing import NDArray

_MISSED = 0.01
"""Of pairs that are as far apart as is allowed, the share that may be missed."""
_TELLING = 5 / 6
_SPARE_PAIRS = 1 << 20


def near_pairs(hashes: NDArray[np.uint8], max_bits: int) -> NDArray[np.int64]:
    """Pairs of rows of `hashes` `(n, bytes)`, all different, that differ in at most `max_bits` bits.

    Returns `(pairs, 2)`, i < j, in order. Only rows that agree in all of some bits drawn at random are compared, again
    and again with other bits, until of pairs at the limit 99 of 100 are expected to have met (A. Gionis,
    P. Indyk and R. Motwani, "Similarity Search in High Dimensions via Hashing", VLDB 1999, section 3); nearer ones
    meet far more often. Near-linear in n; few rows are all compared with all. The same hashes give the same pairs.
    """
    count, bits = len(hashes), 8 * hashes.shape[1]
    words = np.zeros((-(-bits // 64), count), np.uint64)
    words.view(np.uint8).reshape(len(words), count, 8)[:] = _padded(hashes).reshape(count, len(words), 8).swapaxes(0, 1)
    rounds, width = _plan(count, bits, max_bits)
    if not rounds:
        return _rows(_near(words, np.arange(count), _shifted(count), max_bits), count)
    # Neighbouring bits go together in photos on a like ground; drawn at random, no key is common to very many.
    rng = np.random.default_rng(0)
    found: list[NDArray[np.int64]] = []
    for _ in range(rounds):
        order, candidates = _sharing(_key(hashes, rng.permutation(bits)[:width]))
        found += _near(words, order, candidates, max_bits)
        # Most pairs meet again and again: they'd fill the memory, and to look for them in each round takes long.
        if len(found) > 1 and sum(map(len, found[1:])) > max(_SPARE_PAIRS, len(found[0])):
            found = [np.unique(np.concatenate(found))]
    return _rows(found, count)


def _plan(count: int, bits: int, max_bits: int) -> tuple[int, int]:
    """Number of rounds, 0 for comparing all with all, and how many bits must agree in each: the least work.

    To sort one row costs about as much as 20 comparisons, one of a candidate as 3. Photos' hashes are less random than
    those of noise: a bit is taken to tell as much as five sixths of a random one.
    """
    every = count * count / 2
    work = {(0, 0): every}
    for width in range(1, min(64 - count.bit_length(), bits - max_bits) + 1):
        agree = comb(bits - width, max_bits) / comb(bits, max_bits)
        rounds = ceil(log(_MISSED) / log1p(-agree)) if agree < 1 else 1
        work[rounds, width] = rounds * (20 * count + 3 * every / 2 ** (_TELLING * width))
    return min(work, key=lambda plan: work[plan])


def _rows(found: list[NDArray[np.int64]], count: int) -> NDArray[np.int64]:
    """Pairs of `count` rows (i, j), given as i * count + j: `(m, 2)`, in order, each once."""
    return np.stack(np.divmod(np.unique(np.concatenate([np.empty(0, np.int64), *found])), max(1, count)), axis=1)


def _padded(hashes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """With zeros up to whole words of 8 bytes."""
    return np.pad(hashes, ((0, 0), (0, -hashes.shape[1] % 8)))


def _key(hashes: NDArray[np.uint8], columns: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Some bits of each hash as one number, `(n,)`."""
    key = np.zeros(len(hashes), np.uint64)
    for place, column in enumerate(columns.tolist()):
        bit = hashes[:, column // 8] >> np.uint8(7 - column % 8) & np.uint8(1)
        key |= bit.astype(np.uint64) << np.uint64(place)
    return key


Places = tuple[slice | NDArray[np.int64], slice | NDArray[np.int64]]


def _shifted(count: int) -> Iterator[Places]:
    """All pairs of `count` places, in batches."""
    for step in range(1, count):
        yield slice(0, count - step), slice(step, count)


def _sharing(key: NDArray[np.uint64]) -> tuple[NDArray[np.int64], Iterator[Places]]:
    """An order of the rows, and batches of pairs of places in it whose keys are equal."""
    index_bits = np.uint64(len(key).bit_length())
    packed = np.sort(key << index_bits | np.arange(len(key), dtype=np.uint64))
    order = (packed & ((np.uint64(1) << index_bits) - np.uint64(1))).astype(np.int64)
    return order, _within(packed >> index_bits)


def _within(bucket: NDArray[np.uint64]) -> Iterator[Places]:
    """Pairs of places in the same bucket, of sorted buckets."""
    start = np.arange(len(bucket))
    step = 1
    while len(start := start[: np.searchsorted(start, len(bucket) - step)]):
        start = start[bucket[start] == bucket[start + step]]
        yield start, start + step
        step += 1


def _near(
    words: NDArray[np.uint64], order: NDArray[np.int64], candidates: Iterator[Places], max_bits: int
) -> list[NDArray[np.int64]]:
    """Candidates, places in an order of n rows, that differ in at most `max_bits` bits, as rows: i * n + j, i < j."""
    first, *others = words[: max_bits // 24 + 1, order]  # of 64 bits, those of unlike photos differ in about 32
    found = []
    for left, right in candidates:
        apart = np.bitwise_count(first[left] ^ first[right])
        for word in others:
            apart = apart + np.bitwise_count(word[left] ^ word[right])
        near = np.flatnonzero(apart <= max_bits)
        if len(near):  # most differ too much in the first words already
            ours, theirs = (
                order[part.start + near if isinstance(part, slice) else part[near]] for part in (left, right)
            )
            total = np.bitwise_count(words[:, ours] ^ words[:, theirs]).sum(axis=0, dtype=np.int64)
            pairs = np.minimum(ours, theirs) * len(order) + np.maximum(ours, theirs)
            found.append(pairs[total <= max_bits])
    return [np.concatenate(found)] if found else []


def groups(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the connected group that each of `count` things belongs to, given linked `pairs` `(m, 2)`."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    links = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    group: NDArray[np.int64] = connected_components(links, directed=False)[1].astype(np.int64)
    return group
