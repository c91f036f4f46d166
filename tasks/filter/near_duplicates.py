"""Find near duplicates: photos with similar colours whose perceptual hashes differ in a few bits.

The search has two steps. Candidates are pairs with similar coarse bits, which even a crop hardly changes. Then all bits
of each candidate pair are compared, and the colours of the pairs that differ in few.
"""

from collections.abc import Mapping, Sequence
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
MAX_COLOUR_DISTANCE = 24
"""Largest distance of a* and b* between the same parts of two near duplicates.

The largest of the 16 distances between a photo and its copy was at most 19, for each of 400 photos and each kind of
copy: JPEG of quality 10, a crop of 5 %, red and blue changed by 10 %, the saturation changed by 30 %.
"""
MAX_GREY_CHROMA = 4
"""The a* and b* of all parts of a grey photo are at most this."""
MAX_GREY_COPY_LUMA = 16
"""Largest difference of luma, of 255, between the same parts of a photo and of its grey copy."""


@dataclass
class NearDuplicates:
    """The near duplicates among n rows. Rows with equal hashes and about equal colours share a bucket."""

    bucket_stats: NDArray[np.void]
    """Statistics of one row of each bucket, `(buckets,)` of STATS_DTYPE."""
    max_bits: int | None
    """Largest distance of near duplicates, in bits; None: only equal files count."""
    mirrored: bool
    """Whether mirror images count as near duplicates."""
    bucket: NDArray[np.int64]
    """Bucket of each row, `(n,)`."""
    pairs: NDArray[np.int64]
    """Pairs of buckets that are near duplicates, `(m, 2)`."""
    mirror_only: NDArray[np.bool_]
    """Whether each pair consists of near duplicates only if one is mirrored, `(m,)`."""
    alone: NDArray[np.bool_]
    """Rows whose photo can't be decoded, so that nothing is known to resemble it, `(n,)`."""
    group: list[int] = field(init=False)
    """Number of each row's group of near duplicates, n elements."""

    def __post_init__(self) -> None:
        group = connected_groups(len(self.bucket_stats), self.pairs)[self.bucket]
        group[self.alone] = len(self.bucket_stats) + np.arange(self.alone.sum())
        self.group = group.tolist()

    @classmethod
    def find(cls, stats: NDArray[np.void], max_bits: int, *, mirrored: bool) -> Self:
        """Find the rows with similar colours whose hashes differ in at most `max_bits` bits.

        Args:
            stats: Statistics of n photos, `(n,)` of STATS_DTYPE.
            max_bits: Largest distance of near duplicates, in bits.
            mirrored: Whether a photo and its mirror image count as near duplicates, too.
        """
        rows, bucket = np.unique(_leaders(stats), return_inverse=True)
        bucket_stats = stats[rows]
        pairs = _candidates(bucket_stats, mirrored=mirrored)
        batches = np.array_split(pairs, 1 + len(pairs) // BATCH_PAIRS)
        near = np.concatenate([_near(bucket_stats, batch, max_bits, mirrored=mirrored) for batch in batches])
        found = near.any(axis=1)
        alone = stats["flaw"] != b""
        return cls(bucket_stats, max_bits, mirrored, bucket.astype(np.int64), pairs[found], ~near[found, 0], alone)

    @classmethod
    def equal_files(cls, stats: NDArray[np.void], photos: Sequence[str]) -> Self:
        """Count only rows with the same photo (SHA-256) as near duplicates, whatever the photos look like."""
        _, first, bucket = np.unique(np.array(photos, str), return_index=True, return_inverse=True)
        alone = stats["flaw"] != b""
        none = np.empty((0, 2), np.int64)
        return cls(stats[first], None, False, bucket.astype(np.int64), none, np.empty(0, bool), alone)

    def distance(self, one: int, other: int) -> float:
        """Return the number of bits in which two rows differ: the least, see `_distances`."""
        pair = np.array([[self.bucket[one], self.bucket[other]]])
        views = [_distances(self.bucket_stats, pair, view)[0] for view in _views(mirrored=self.mirrored)]
        return float(min(views))

    def is_mirror_image(self, one: int, other: int) -> bool:
        """Whether two near duplicates are so only if one of them is mirrored."""
        if self.max_bits is None or not self.mirrored or self.bucket[one] == self.bucket[other]:
            return False
        pair = np.array([[self.bucket[one], self.bucket[other]]])
        return not _near(self.bucket_stats, pair, self.max_bits, mirrored=False)[0, 0]

    def only_mirrored(self, keepers: Mapping[int, int]) -> set[int]:
        """Return the rows that would not duplicate another row of their class if mirror images didn't count.

        Args:
            keepers: For each row, the row of its group and class that it duplicates.
        """
        if self.max_bits is None or not self.mirrored:
            return set()
        group = connected_groups(len(self.bucket_stats), self.pairs[~self.mirror_only])[self.bucket].tolist()
        seen = {(keeper, group[keeper]) for keeper in keepers.values()}
        only = set()
        for row, keeper in keepers.items():
            if (part := (keeper, group[row])) not in seen:
                seen.add(part)
                only.add(row)
        return only


def _views(*, mirrored: bool) -> tuple[str, ...]:
    return ("hash", "mirror") if mirrored else ("hash",)


def _near(stats: NDArray[np.void], pairs: NDArray[np.int64], max_bits: int, *, mirrored: bool) -> NDArray[np.bool_]:
    """Return whether pairs `(m, 2)` of photos are near duplicates: `(m, 1)`, or `(m, 2)` with the mirror image."""
    views = _views(mirrored=mirrored)
    near = np.stack([_distances(stats, pairs, view) <= max_bits for view in views], axis=1)
    near &= (stats["flaw"][pairs] == b"").all(axis=1)[:, None]
    for number, view in enumerate(views):
        rows = np.flatnonzero(near[:, number])
        near[rows, number] = _same_colours(stats["layout"], pairs[rows], mirrored=view == "mirror")
    return near


def _distances(stats: NDArray[np.void], pairs: NDArray[np.int64], view: str) -> NDArray[np.int64]:
    """Count the bits in which pairs `(m, 2)` of photos differ, `(m,)`.

    This is the least distance between the photo or a mild crop of one and, of the other, the photo (the view `hash`) or
    its mirror image (`mirror`).
    """
    least = np.full(len(pairs), 8 * stats["hash"].shape[1])
    for one, other in (pairs.T, pairs.T[::-1]):
        ours = np.concatenate([stats["hash"][one, None], stats["windows"][one]], axis=1).view(np.uint64)
        apart = np.bitwise_count(ours ^ stats[view][other, None].view(np.uint64)).sum(axis=2, dtype=np.int64)
        least = np.minimum(least, apart.min(axis=1))
    return least


def _leaders(stats: NDArray[np.void]) -> NDArray[np.int64]:
    """Return for each of n rows the first one with an equal hash and about equal colours, `(n,)`.

    Their colours are at most half as far from the leader's as those of near duplicates may be, so all rows with the
    same leader resemble each other.
    """
    _, first, kind = np.unique(stats["hash"], axis=0, return_index=True, return_inverse=True)
    leader: NDArray[np.int64] = first[kind].astype(np.int64)
    rows = np.flatnonzero(leader != np.arange(len(stats)))
    while len(rows):
        apart = _colour_distances(_colours(stats["layout"], rows), _colours(stats["layout"], leader[rows]))
        rows = rows[apart > MAX_COLOUR_DISTANCE / 2]
        _, first, inverse = np.unique(kind[rows], return_index=True, return_inverse=True)
        leader[rows] = rows[first][inverse]  # of those that differ from the leader, the first one is the next leader
    return leader


def _colours(layout: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.int16]:
    return layout[rows].astype(np.int16)


def _colour_distances(ours: NDArray[np.int16], theirs: NDArray[np.int16]) -> NDArray[np.floating]:
    """Return the largest distance of a* and b* between the same parts of layouts `(m, 4, 4, 3)`: `(m,)`."""
    apart = ours - theirs
    return np.asarray(np.hypot(apart[..., 1], apart[..., 2]).max(axis=(1, 2)))


def _same_colours(layout: NDArray[np.uint8], pairs: NDArray[np.int64], *, mirrored: bool) -> NDArray[np.bool_]:
    """Return whether pairs `(m, 2)` of photos have similar colours everywhere, `(m,)`.

    A grey photo is a copy of a coloured one if it is as bright everywhere. Else the brightness doesn't count, because
    copies often differ in it, but hardly in colour.

    Args:
        layout: Colour layouts of all photos, `(n, 4, 4, 3)`.
        pairs: Row numbers.
        mirrored: Whether one of the two is mirrored.
    """
    ours, theirs = (_colours(layout, rows) for rows in pairs.T)
    theirs = theirs[:, :, ::-1] if mirrored else theirs
    luma = np.abs(ours[..., 0] - theirs[..., 0]).max(axis=(1, 2))
    is_grey = [np.abs(part[..., 1:] - 128).max(axis=(1, 2, 3)) <= MAX_GREY_CHROMA for part in (ours, theirs)]
    grey_copy = (is_grey[0] | is_grey[1]) & (luma <= MAX_GREY_COPY_LUMA)
    return np.asarray((_colour_distances(ours, theirs) <= MAX_COLOUR_DISTANCE) | grey_copy)


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
