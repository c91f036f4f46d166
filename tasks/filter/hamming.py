"""Find the pairs of hashes that differ in a few bits, by locality-sensitive hashing (LSH)."""

from collections.abc import Iterator
from math import ceil, comb, log, log1p

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
"""Hashes as `(words of 64 bits, n)`."""
MAX_REPEATED_PAIRS = 1 << 20
"""Pairs that may be collected, repeated ones included, before the repeated ones are removed."""
BATCH_PAIRS = 1 << 17
"""Pairs that are compared at once, which bounds the memory."""
_TILE_ROWS = 128
_PROBES = 3
"""Rounds of LSH that tell how many hashes share their keys."""
_MISS_RATE = 0.01
"""Expected share of missed pairs, of those that differ in exactly the allowed number of bits."""
_BIT_INFORMATION = 5 / 6
_CANDIDATE_COST = 8
"""A comparison in LSH, of hashes from all over the memory, costs as much as so many of all pairs of a set."""


def near_pairs(hashes: NDArray[np.uint8], max_bits: int) -> Iterator[NDArray[np.int64]]:
    """Find the pairs of hashes that differ in at most `max_bits` bits.

    Each round draws some bits at random, and compares only the hashes that agree in all of them. There are so many
    rounds that 99 of 100 pairs with exactly `max_bits` different bits are expected to be found, and nearer pairs almost
    always (A. Gionis, P. Indyk and R. Motwani, "Similarity Search in High Dimensions via Hashing", VLDB 1999, section
    3). The time is nearly linear in n.

    That doesn't help where thousands of hashes share many bits, such as those of a still camera: they agree in every
    round. Such *crowded* hashes are compared with each other once, all pairs, which costs less; so is a small number of
    hashes. The same hashes give the same pairs.

    Args:
        hashes: `(n, bytes)`, uint8.
        max_bits: Largest distance of a pair, in bits.

    Yields:
        Row numbers `(pairs, 2)`, the smaller one first; each pair once, in no order. There are at most some 100,000 in
        a batch.
    """
    count, bits = len(hashes), 8 * hashes.shape[1]
    words = _words(hashes)
    rounds, width = plan_rounds(count, bits, max_bits)
    # Neighbouring bits correlate between photos with a similar background. Random bits avoid a key that many share.
    rng = np.random.default_rng(0)
    draws = [rng.permutation(bits)[:width] for _ in range(rounds)]
    columns = np.ascontiguousarray(hashes.T, np.intp)  # an index of this type is four times as fast as one of bytes
    crowded = _crowded(columns, draws)
    yield from _all_pairs(words, np.flatnonzero(crowded), max_bits)
    if crowded.all():
        return
    found: list[NDArray[np.int64]] = []
    for chosen in draws:
        order, candidates = _candidates(_key(columns, chosen), crowded)
        found += _within(words, order, candidates, max_bits)
        # Most pairs are found in many rounds. Removing the repeated ones rarely bounds the memory at little cost.
        if len(found) > 1 and sum(map(len, found[1:])) > max(MAX_REPEATED_PAIRS, len(found[0])):
            found = [np.unique(np.concatenate(found))]
    every = np.unique(np.concatenate([np.empty(0, np.int64), *found]))
    for batch in np.array_split(every, 1 + len(every) // BATCH_PAIRS):
        yield np.stack(np.divmod(batch, count), axis=1)


def plan_rounds(count: int, bits: int, max_bits: int) -> tuple[int, int]:
    """Choose the number of rounds and the number of bits that must agree in each, such that the work is least.

    The estimate: sorting one row costs as much as 20 complete comparisons, and one comparison of a candidate as 3.
    Hashes of photos are less random than noise: one bit separates them as well as 5/6 of a random bit.

    Returns:
        Rounds and bits; (0, 0) means that comparing all pairs is cheapest.
    """
    every = count * count / 2
    work = {(0, 0): every}
    for width in range(1, min(63 - count.bit_length(), bits - max_bits) + 1):
        agree = comb(bits - width, max_bits) / comb(bits, max_bits)
        rounds = ceil(log(_MISS_RATE) / log1p(-agree)) if agree < 1 else 1
        work[rounds, width] = rounds * (20 * count + 3 * every / 2 ** (_BIT_INFORMATION * width))
    return min(work, key=lambda plan: work[plan])


def distances(ours: Words, theirs: Words) -> NDArray[np.int64]:
    """Count the bits in which hashes differ; the arrays `(words, ...)` are broadcast, and the first axis is summed."""
    apart = np.bitwise_count(ours[0] ^ theirs[0])
    if len(ours) > 1:
        apart = apart.astype(np.uint16)
        for one, other in zip(ours[1:], theirs[1:], strict=True):
            apart += np.bitwise_count(one ^ other)
    return apart  # type: ignore[no-any-return]


def _words(hashes: NDArray[np.uint8]) -> Words:
    """Return hashes as words, with zeros appended so that each has a multiple of 64 bits."""
    count, size = hashes.shape
    words = np.zeros((-(-size // 8), count), np.uint64)
    padded = np.pad(hashes, ((0, 0), (0, -size % 8)))
    words.view(np.uint8).reshape(len(words), count, 8)[:] = padded.reshape(count, len(words), 8).swapaxes(0, 1)
    return words


def _crowded(columns: NDArray[np.intp], draws: list[NDArray[np.int64]]) -> NDArray[np.bool_]:
    """Return which hashes share their keys with so many others that comparing them all with each other costs less.

    A hash that shares its key with s others costs s comparisons of candidates in each round; as one of d crowded
    hashes, it costs d cheaper comparisons once.
    """
    count = columns.shape[1]
    crowded = np.zeros(count, np.bool_)
    if not draws:
        return ~crowded
    others = np.zeros(count)
    for chosen in draws[:_PROBES]:
        _, kind, sizes = np.unique(_key(columns, chosen), return_inverse=True, return_counts=True)
        others += (sizes[kind] - 1) / len(draws[:_PROBES])
    order = np.argsort(-others, kind="stable")
    costs_less = _CANDIDATE_COST * len(draws) * others[order] > np.arange(count)
    crowded[order[: np.argmin(np.append(costs_less, False))]] = True
    return crowded


def _all_pairs(words: Words, rows: NDArray[np.int64], max_bits: int) -> Iterator[NDArray[np.int64]]:
    """Yield the near pairs among some rows, which are sorted, by comparing all of them."""
    words = words[:, rows]
    columns = BATCH_PAIRS // _TILE_ROWS
    for top in range(0, len(rows), _TILE_ROWS):
        for left in range(top, len(rows), columns):
            apart = distances(words[:, top : top + _TILE_ROWS, None], words[:, None, left : left + columns])
            one, other = np.divmod(np.flatnonzero(apart <= max_bits), apart.shape[1])
            one, other = one + top, other + left
            below = one < other
            if below.any():
                yield np.stack([rows[one[below]], rows[other[below]]], axis=1)


def _key(columns: NDArray[np.intp], chosen: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Combine some bits of each hash to one number, `(n,)`, by a table of what each value of a byte adds.

    Args:
        columns: The bytes of n hashes, `(bytes, n)`.
        chosen: The numbers of the bits.
    """
    key = np.zeros(columns.shape[1], np.uint64)
    values = np.arange(256, dtype=np.uint64)
    for number in np.unique(chosen // 8).tolist():
        adds = np.zeros(256, np.uint64)
        for position in np.flatnonzero(chosen // 8 == number).tolist():
            adds |= (values >> np.uint64(7 - chosen[position] % 8) & np.uint64(1)) << np.uint64(position)
        key |= adds[columns[number]]
    return key


def _candidates(
    key: NDArray[np.uint64], crowded: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]]:
    """Sort the rows by key; return that order, and batches of pairs of positions in it whose keys are equal.

    Of each pair, at least one is not crowded.
    """
    index_bits = np.uint64(len(key).bit_length())
    packed = key << np.uint64(1) | crowded  # among equal keys, the crowded rows are last
    packed = np.sort(packed << index_bits | np.arange(len(key), dtype=np.uint64))
    order = (packed & ((np.uint64(1) << index_bits) - np.uint64(1))).astype(np.int64)
    starts = np.flatnonzero(np.diff(packed >> index_bits + np.uint64(1), prepend=np.uint64(1 << 63)))
    sizes = np.diff(starts, append=len(key))
    after = np.repeat(starts + sizes, sizes) - np.arange(1, len(key) + 1)  # rows with the same key behind each
    after[crowded[order]] = 0
    return order, _pairs_of_runs(np.flatnonzero(after), after)


def _pairs_of_runs(
    firsts: NDArray[np.int64], after: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield pairs of each position of `firsts` and of the `after[position]` positions behind it, in batches."""
    total = np.cumsum(after[firsts])
    start = 0
    while start < len(firsts):
        done = total[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(total, done + BATCH_PAIRS, side="right")))
        part = firsts[start:end]
        lengths = after[part]
        left = np.repeat(part, lengths)
        step = np.arange(1, len(left) + 1) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        yield left, left + step
        start = end


def _within(
    words: Words,
    order: NDArray[np.int64],
    candidates: Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]],
    max_bits: int,
) -> list[NDArray[np.int64]]:
    """Keep the candidates that differ in at most `max_bits` bits.

    Args:
        words: The hashes of n rows.
        order: Row numbers `(n,)`; candidates are positions in it.
        candidates: Batches of pairs.
        max_bits: Largest distance of a pair, in bits.

    Returns:
        Arrays of pairs of rows (i, j), i < j, each coded as i * n + j.
    """
    # Hashes of different photos differ in about 32 of 64 bits, so the first words exclude most candidates.
    first = words[: max_bits // 24 + 1, order]
    found = []
    for left, right in candidates:
        near = np.flatnonzero(distances(first[:, left], first[:, right]) <= max_bits)
        if len(near):
            ours, theirs = order[left[near]], order[right[near]]
            pairs = np.minimum(ours, theirs) * len(order) + np.maximum(ours, theirs)
            found.append(pairs[distances(words[:, ours], words[:, theirs]) <= max_bits])
    return found
