"""Near duplicates: photos whose perceptual hashes differ in a few bits only."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def near_pairs(hashes: NDArray[np.uint8], max_bits: int) -> NDArray[np.int64]:
    """Pairs of rows of `hashes` `(n, bytes)`, all different, that differ in at most `max_bits` bits.

    Returns `(pairs, 2)`, i < j, in order. The bits are dealt to slices; by the pigeonhole principle two such rows
    differ in one slice at least by no more than `max_bits` shared among the slices, so only rows that are as near as
    that in a slice are compared (M. Norouzi et al., "Fast Search in Hamming Space with Multi-Index Hashing", CVPR 2012,
    section 3). Near-linear in n for small `max_bits`; where slices would be too short to tell rows apart, all rows are
    compared with all.
    """
    count, bits = len(hashes), 8 * hashes.shape[1]
    words = np.zeros((-(-bits // 64), count), np.uint64)
    words.view(np.uint8).reshape(len(words), count, 8)[:] = _padded(hashes).reshape(count, len(words), 8).swapaxes(0, 1)
    found = [np.empty((0, 2), np.int64)]
    slices, radius = _plan(count, bits, max_bits)
    if not slices:
        found += _near(words, np.arange(count), _shifted(count), max_bits)
    # Neighbouring bits go together in photos on a like ground; dealt at random, no slice is common to very many.
    dealt = np.random.default_rng(0).permutation(bits)
    width = min(64 - count.bit_length(), bits // max(1, slices))
    for columns in np.array_split(dealt, slices) if slices else ():
        key = _key(hashes, columns[:width])
        for free in range(min(width, len(columns))) if radius else (None,):
            order, candidates = _sharing(key, free)
            found += _near(words, order, candidates, max_bits)
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def _plan(count: int, bits: int, max_bits: int) -> tuple[int, int]:
    """Number of slices, 0 for none at all, and by how many bits rows may differ in one (0 or 1): the least work.

    Work is estimated for random hashes: a look at each row and bit of a slice costs about as much as 20 comparisons.
    """
    every = count * count / 2
    work = {(0, 0): every}
    for radius in (0, 1):
        slices = max_bits // (radius + 1) + 1
        width = bits // slices
        if width > radius:
            joins = slices * (width if radius else 1)
            work[slices, radius] = joins * (20 * count + 3 * every / 2 ** (width - radius))
    return min(work, key=lambda plan: work[plan])


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


def _sharing(key: NDArray[np.uint64], free: int | None) -> tuple[NDArray[np.int64], Iterator[Places]]:
    """An order of the rows, and batches of pairs of places in it whose keys are equal but for the bit `free`.

    Of pairs whose keys are wholly equal, only the first bit yields any: each pair comes once for a key.
    """
    index_bits = np.uint64(len(key).bit_length())
    one = np.uint64(1)
    bucket = key
    if free is not None:  # the free bit goes to the end
        bit = np.uint64(free)
        low = key & ((one << bit) - one)
        bucket = ((key >> (bit + one)) << bit | low) << one | key >> bit & one
    packed = np.sort(bucket << index_bits | np.arange(len(key), dtype=np.uint64))
    order = (packed & ((one << index_bits) - one)).astype(np.int64)
    packed >>= index_bits
    return order, _within(packed if free is None else packed >> one, packed if free else None)


def _within(bucket: NDArray[np.uint64], differing: NDArray[np.uint64] | None) -> Iterator[Places]:
    """Pairs of places in the same bucket, of sorted buckets; of those alone whose `differing` isn't the same."""
    start = np.arange(len(bucket))
    step = 1
    while len(start := start[: np.searchsorted(start, len(bucket) - step)]):
        start = start[bucket[start] == bucket[start + step]]
        left = start if differing is None else start[differing[start] != differing[start + step]]
        yield left, left + step
        step += 1


def _near(
    words: NDArray[np.uint64], order: NDArray[np.int64], candidates: Iterator[Places], max_bits: int
) -> list[NDArray[np.int64]]:
    """Those of the candidates, places in an order of rows, that differ in at most `max_bits` bits: pairs of rows."""
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
            found.append(np.stack([ours, theirs], axis=1)[total <= max_bits])
    return [np.concatenate(found)] if found else []


def groups(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the connected group that each of `count` things belongs to, given linked `pairs` `(m, 2)`."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    links = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    group: NDArray[np.int64] = connected_components(links, directed=False)[1].astype(np.int64)
    return group
