"""Which photos look the same: first by few coarse bits, which even crops leave alone, then by all bits."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tasks.filter.hamming import groups, near_pairs
from tasks.filter.phash import coarse

COARSE_BITS = 10
"""Photos of which more of the 64 coarse bits differ aren't compared: of mild crops, 1 or 2 in 100."""
_BATCH_PAIRS = 1 << 16


@dataclass
class Buckets:
    """Rows that have the same perceptual hash, the links between such buckets, and the groups that they make."""

    looks: NDArray[np.void]
    """Facts of one row of each bucket."""
    mirrored: bool
    bucket: NDArray[np.int64]
    pairs: NDArray[np.int64]
    group: list[int] = field(init=False)
    """Number of each row's group of near duplicates."""

    def __post_init__(self) -> None:
        self.group = groups(len(self.looks), self.pairs)[self.bucket].tolist()

    @classmethod
    def of(cls, measured: NDArray[np.void], max_bits: int, *, mirrored: bool) -> "Buckets":
        """Link rows `(n,)` of type FACTS that are at most `max_bits` apart.

        mirrored: whether a photo and its mirror image are to count as near duplicates, too.
        """
        _, first, bucket = np.unique(measured["hash"], axis=0, return_index=True, return_inverse=True)
        looks = measured[first]
        pairs = _candidates(looks, mirrored=mirrored)
        batches = np.array_split(pairs, 1 + len(pairs) // _BATCH_PAIRS)
        near = [batch[_apart(looks, batch, mirrored=mirrored) <= max_bits] for batch in batches]
        return cls(looks, mirrored, bucket.astype(np.int64), np.concatenate(near))

    def distance(self, one: int, other: int) -> float:
        """Bits between two rows, see `_apart`."""
        pair = np.array([[self.bucket[one], self.bucket[other]]])
        return float(_apart(self.looks, pair, mirrored=self.mirrored)[0])


def _apart(looks: NDArray[np.void], pairs: NDArray[np.int64], *, mirrored: bool) -> NDArray[np.int64]:
    """Bits in which the hashes of pairs `(m, 2)` differ, or of a mild crop of one and the other: the least, `(m,)`.

    mirrored: or of either and the other's mirror image.
    """
    least = np.full(len(pairs), 8 * looks["hash"].shape[1])
    for one, other in (pairs.T, pairs.T[::-1]):
        ours = np.concatenate([looks["hash"][one, None], looks["windows"][one]], axis=1).view(np.uint64)
        for sight in ("hash", "mirror") if mirrored else ("hash",):
            apart = np.bitwise_count(ours ^ looks[sight][other, None].view(np.uint64)).sum(axis=2, dtype=np.int64)
            least = np.minimum(least, apart.min(axis=1))
    return least


def _candidates(looks: NDArray[np.void], *, mirrored: bool) -> NDArray[np.int64]:
    """Pairs of rows (i, j), i < j, in order, of which few coarse bits differ."""
    sights = [looks["hash"], looks["mirror"]] if mirrored else [looks["hash"]]
    different, kind = np.unique(np.concatenate([coarse(sight) for sight in sights]), axis=0, return_inverse=True)
    alike = np.arange(len(different)).repeat(2).reshape(-1, 2)[np.bincount(kind) > 1]
    rows = _members(np.concatenate([near_pairs(different, COARSE_BITS), alike]), kind) % max(1, len(looks))
    low, high = np.sort(rows, axis=1).T
    code = np.unique((low * len(looks) + high)[low < high])
    return np.stack(np.divmod(code, max(1, len(looks))), axis=1)


def _members(pairs: NDArray[np.int64], kind: NDArray[np.int64]) -> NDArray[np.int64]:
    """All pairs of places whose kinds are one of the `pairs` of kinds: `(m, 2)`."""
    order, counts = np.argsort(kind, kind="stable"), np.bincount(kind)
    start = np.cumsum(counts) - counts
    one, other = pairs.T
    sizes = counts[one] * counts[other]
    number = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    first, second = np.divmod(number, np.repeat(counts[other], sizes))
    return np.stack(
        [order[np.repeat(start[one], sizes) + first], order[np.repeat(start[other], sizes) + second]], axis=1
    )
