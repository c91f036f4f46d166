"""Find near duplicates: photos whose perceptual hashes differ in a few bits.

The search has two steps. Candidates are pairs with similar coarse bits, which even a crop hardly changes. Then all bits
of each candidate pair are compared.
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tasks.filter.groups import connected_groups
from tasks.filter.hamming import near_pairs
from tasks.filter.phash import coarse_bits

MAX_COARSE_BITS = 10
"""Pairs that differ in more of the 64 coarse bits are not compared. This misses 1 or 2 of 100 mild crops."""
BATCH_PAIRS = 1 << 16
"""Pairs that are compared at once, which bounds the memory."""


@dataclass
class NearDuplicates:
    """The near duplicates among n rows. Rows with equal perceptual hashes share a bucket."""

    bucket_stats: NDArray[np.void]
    """Statistics of one row of each bucket, `(buckets,)` of STATS_DTYPE."""
    mirrored: bool
    """Whether mirror images count as near duplicates."""
    bucket: NDArray[np.int64]
    """Bucket of each row, `(n,)`."""
    pairs: NDArray[np.int64]
    """Pairs of buckets that are near duplicates, `(m, 2)`."""
    group: list[int] = field(init=False)
    """Number of each row's group of near duplicates, n elements."""

    def __post_init__(self) -> None:
        self.group = connected_groups(len(self.bucket_stats), self.pairs)[self.bucket].tolist()

    @classmethod
    def find(cls, stats: NDArray[np.void], max_bits: int, *, mirrored: bool) -> Self:
        """Find the rows whose hashes differ in at most `max_bits` bits.

        Args:
            stats: Statistics of n photos, `(n,)` of STATS_DTYPE.
            max_bits: Largest distance of near duplicates, in bits.
            mirrored: Whether a photo and its mirror image count as near duplicates, too.
        """
        _, first, bucket = np.unique(stats["hash"], axis=0, return_index=True, return_inverse=True)
        bucket_stats = stats[first]
        pairs = _candidates(bucket_stats, mirrored=mirrored)
        batches = np.array_split(pairs, 1 + len(pairs) // BATCH_PAIRS)
        near = [batch[_distances(bucket_stats, batch, mirrored=mirrored) <= max_bits] for batch in batches]
        return cls(bucket_stats, mirrored, bucket.astype(np.int64), np.concatenate(near))

    def distance(self, one: int, other: int) -> float:
        """Return the number of bits in which two rows differ: the least, see `_distances`."""
        pair = np.array([[self.bucket[one], self.bucket[other]]])
        return float(_distances(self.bucket_stats, pair, mirrored=self.mirrored)[0])


def _distances(stats: NDArray[np.void], pairs: NDArray[np.int64], *, mirrored: bool) -> NDArray[np.int64]:
    """Count the bits in which pairs `(m, 2)` of photos differ, `(m,)`.

    This is the least distance between the photo or a mild crop of one and the photo of the other; if `mirrored`, also
    the mirror image of the other.
    """
    least = np.full(len(pairs), 8 * stats["hash"].shape[1])
    for one, other in (pairs.T, pairs.T[::-1]):
        ours = np.concatenate([stats["hash"][one, None], stats["windows"][one]], axis=1).view(np.uint64)
        for view in ("hash", "mirror") if mirrored else ("hash",):
            apart = np.bitwise_count(ours ^ stats[view][other, None].view(np.uint64)).sum(axis=2, dtype=np.int64)
            least = np.minimum(least, apart.min(axis=1))
    return least


def _candidates(stats: NDArray[np.void], *, mirrored: bool) -> NDArray[np.int64]:
    """Find the pairs of rows (i, j), i < j, sorted, whose coarse bits are similar."""
    views = [stats["hash"], stats["mirror"]] if mirrored else [stats["hash"]]
    distinct, kind = np.unique(np.concatenate([coarse_bits(view) for view in views]), axis=0, return_inverse=True)
    equal = np.arange(len(distinct)).repeat(2).reshape(-1, 2)[np.bincount(kind) > 1]
    rows = _members(np.concatenate([near_pairs(distinct, MAX_COARSE_BITS), equal]), kind) % max(1, len(stats))
    low, high = np.sort(rows, axis=1).T
    code = np.unique((low * len(stats) + high)[low < high])
    return np.stack(np.divmod(code, max(1, len(stats))), axis=1)


def _members(pairs: NDArray[np.int64], kind: NDArray[np.int64]) -> NDArray[np.int64]:
    """Expand pairs of kinds to all pairs of elements with these kinds, `(m, 2)`; `kind` is that of each element."""
    order, counts = np.argsort(kind, kind="stable"), np.bincount(kind)
    start = np.cumsum(counts) - counts
    one, other = pairs.T
    sizes = counts[one] * counts[other]
    number = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    first, second = np.divmod(number, np.repeat(counts[other], sizes))
    return np.stack(
        [order[np.repeat(start[one], sizes) + first], order[np.repeat(start[other], sizes) + second]], axis=1
    )
