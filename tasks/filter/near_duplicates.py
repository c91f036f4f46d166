"""Find near duplicates: photos with similar colours whose perceptual hashes differ in a few bits.

The search has two steps. Candidates are pairs with similar coarse bits, which even a crop hardly changes
(`tasks.filter.hamming` finds them). Then all bits of each candidate pair are compared, and the colours of the pairs
that differ in few (`tasks.filter.resemblance`).

The pairs are not kept: 8,000 photos that look alike have 32 million. Candidates that are in one group already aren't
compared.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tasks.filter.groups import Components
from tasks.filter.hamming import near_pairs
from tasks.filter.resemblance import (
    MAX_COARSE_BITS,
    MAX_COLOUR_DISTANCE,
    Resemblance,
    colours,
    squared_colour_distances,
)

BATCH_PAIRS = 1 << 16
"""Pairs that are compared before the groups are joined."""
_QUERIES = 256
_SEVERAL = -1
"""Stands for the classes of a bucket with photos of several."""


@dataclass
class NearDuplicates:
    """The near duplicates among n rows. Rows with equal hashes and about equal colours share a bucket."""

    resemblance: Resemblance | None
    """Compares buckets; None: only equal files are near duplicates."""
    bucket: NDArray[np.int64]
    """Bucket of each row, `(n,)`."""
    joined: NDArray[np.int64]
    """Group of each bucket, `(buckets,)`."""
    unmirrored: NDArray[np.int64]
    """Group of each bucket if mirror images didn't count, `(buckets,)`; a part of its group in `joined`."""
    alone: NDArray[np.bool_]
    """Rows whose photo can't be decoded, so that nothing is known to resemble it, `(n,)`."""
    group: list[int] = field(init=False)
    """Number of each row's group of near duplicates, n elements."""

    def __post_init__(self) -> None:
        group = self.joined[self.bucket]
        group[self.alone] = len(self.joined) + np.arange(self.alone.sum())
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
        sound = np.flatnonzero(stats["flaw"][rows] == b"")
        resemblance = Resemblance(stats[rows], max_bits, mirrored=mirrored)
        joined, unmirrored = Components(len(rows)), Components(len(rows))
        for candidates in _candidates(resemblance, sound):
            pairs = unmirrored.apart(candidates)
            near = resemblance.near(pairs, "hash")
            unmirrored.join(pairs[near])
            joined.join(pairs[near])
            if mirrored:
                others = joined.apart(pairs[~near])
                joined.join(others[resemblance.near(others, "mirror")])
        return cls(resemblance, bucket.astype(np.int64), joined.numbers(), unmirrored.numbers(), stats["flaw"] != b"")

    @classmethod
    def equal_files(cls, stats: NDArray[np.void], photos: Sequence[str]) -> Self:
        """Count only rows with the same photo (SHA-256) as near duplicates, whatever the photos look like."""
        _, first, bucket = np.unique(np.array(photos, str), return_index=True, return_inverse=True)
        each = np.arange(len(first))
        return cls(None, bucket.astype(np.int64), each, each, stats["flaw"] != b"")

    def distance(self, one: int, other: int) -> float:
        """Return the number of bits in which two rows differ: the least, see `Resemblance.distance`."""
        if self.resemblance is None or self.bucket[one] == self.bucket[other]:
            return 0.0
        return float(self.resemblance.distance(int(self.bucket[one]), int(self.bucket[other])))

    def is_mirror_image(self, one: int, other: int) -> bool:
        """Whether two near duplicates are so only if one of them is mirrored."""
        if self.resemblance is None or self.bucket[one] == self.bucket[other]:
            return False
        return not self.resemblance.near(np.array([[self.bucket[one], self.bucket[other]]]), "hash")[0]

    def joins_mirror_images(self, rows: NDArray[np.int64]) -> bool:
        """Whether rows of one group would be in several if mirror images didn't count."""
        return len(np.unique(self.unmirrored[self.bucket[rows]])) > len(np.unique(self.joined[self.bucket[rows]]))

    def only_mirrored(self, keepers: Mapping[int, int]) -> set[int]:
        """Return the rows that would not duplicate another row of their class if mirror images didn't count.

        Args:
            keepers: For each row, the row of its group and class that it duplicates.
        """
        group = self.unmirrored[self.bucket].tolist()
        seen = {(keeper, group[keeper]) for keeper in keepers.values()}
        only = set()
        for row, keeper in keepers.items():
            if (part := (keeper, group[row])) not in seen:
                seen.add(part)
                only.add(row)
        return only

    def contradictions(self, rows: Sequence[int], labels: Sequence[str]) -> dict[int, int]:
        """Find the rows whose photo, or a near duplicate of it, is in another class, too.

        Args:
            rows: The rows that count.
            labels: Class of all rows.

        Returns:
            For each such row, the row that it contradicts: of its own bucket, or else of the first bucket that
            resembles it. Buckets that only resemble it as mirror images come last.
        """
        firsts: dict[int, dict[str, int]] = {}
        for row in rows:
            firsts.setdefault(int(self.bucket[row]), {}).setdefault(labels[row], row)
        other = dict.fromkeys(firsts, -1) | {bucket: bucket for bucket, found in firsts.items() if len(found) > 1}
        number = {label: code for code, label in enumerate(dict.fromkeys(labels))}
        classes = {
            bucket: number[next(iter(found))] if len(found) == 1 else _SEVERAL for bucket, found in firsts.items()
        }
        for members in self._groups_of_several_classes(classes):
            kind = np.array([classes[bucket] for bucket in members.tolist()])
            for start in range(0, len(members), _QUERIES):
                queries = np.arange(start, min(start + _QUERIES, len(members)))
                queries = queries[kind[queries] != _SEVERAL]
                other |= self._first_of_another_class(members, kind, queries)
        found: dict[int, int] = {}
        for row in rows:
            among = firsts.get(other[int(self.bucket[row])], {})
            twin = next((first for label, first in among.items() if label != labels[row]), None)
            if twin is not None:
                found[row] = twin
        return found

    def _groups_of_several_classes(self, classes: Mapping[int, int]) -> Iterator[NDArray[np.int64]]:
        """Yield the buckets of each group with several buckets whose photos aren't all of one class, sorted."""
        buckets = np.array(sorted(classes), np.int64)
        if self.resemblance is None or not len(buckets):
            return
        kind = np.array([classes[bucket] for bucket in buckets.tolist()])
        order = np.argsort(self.joined[buckets], kind="stable")
        starts = np.flatnonzero(np.diff(self.joined[buckets[order]], prepend=-1))
        for part in np.split(order, starts[1:]):
            if len(part) > 1 and (kind[part] != kind[part[0]]).any():
                yield buckets[part]

    def _first_of_another_class(
        self, members: NDArray[np.int64], kind: NDArray[np.int64], queries: NDArray[np.int64]
    ) -> dict[int, int]:
        """Return the first bucket of another class that resembles each of some buckets, for those that have one.

        Args:
            members: The buckets of a group, sorted.
            kind: Their classes.
            queries: Positions in `members`.
        """
        assert self.resemblance
        found: dict[int, int] = {}
        columns = BATCH_PAIRS // _QUERIES
        for view in self.resemblance.views:
            for start in range(0, len(members), columns):
                others = np.arange(start, min(start + columns, len(members)))
                at = np.argwhere(kind[queries][:, None] != kind[others])
                pairs = np.stack([queries[at[:, 0]], others[at[:, 1]]], axis=1)
                near = pairs[self.resemblance.near(members[pairs], view)]
                done, first = np.unique(near[:, 0], return_index=True)  # sorted: the first is the smallest
                found |= dict(zip(members[done].tolist(), members[near[first, 1]].tolist(), strict=True))
                queries = np.setdiff1d(queries, done)
        return found


def _candidates(resemblance: Resemblance, sound: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield pairs `(m, 2)` of buckets, out of those that are sound, whose coarse bits are similar.

    Two photos have up to four pairs of views, and most of these are similar if one is. Only the first counts.
    """
    coarse = np.concatenate([resemblance.coarse[view][sound] for view in resemblance.views])
    words = coarse.view(np.uint64)[:, 0]
    count = max(1, len(sound))
    for found in near_pairs(coarse, MAX_COARSE_BITS):
        for pairs in _first_views(found, words, count):
            rows = sound[pairs]
            yield from np.array_split(rows, 1 + len(rows) // BATCH_PAIRS)


def _first_views(found: NDArray[np.int64], words: NDArray[np.uint64], count: int) -> Iterator[NDArray[np.int64]]:
    """Yield the pairs `(m, 2)` of photos whose similar views, `(k, 2)`, are the first ones.

    Args:
        found: Pairs of views, the smaller number first: those from `count` on are mirror images.
        words: The coarse bits of each view.
        count: Number of photos.
    """

    def similar(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.asarray(np.bitwise_count(words[one] ^ words[other]) <= MAX_COARSE_BITS)

    both, plain = found[:, 0] >= count, found[:, 1] < count
    yield found[plain]
    one, other = found[~plain & ~both].T
    other = other - count
    # In the other order, it is the second photo and the first one mirrored.
    new = one < other
    turned = np.flatnonzero(one > other)
    new[turned] = ~similar(other[turned], one[turned] + count)
    yield np.stack([one[new], other[new]], axis=1)
    mirrored = found[both] - count  # as near as the photos themselves, unless an odd bit says otherwise
    yield mirrored[~similar(mirrored[:, 0], mirrored[:, 1])]


def _leaders(stats: NDArray[np.void]) -> NDArray[np.int64]:
    """Return for each of n rows the first one with an equal hash and about equal colours, `(n,)`.

    Their colours are at most half as far from the leader's as those of near duplicates may be, so all rows with the
    same leader resemble each other.
    """
    _, first, kind = np.unique(stats["hash"], axis=0, return_index=True, return_inverse=True)
    leader: NDArray[np.int64] = first[kind].astype(np.int64)
    rows = np.flatnonzero(leader != np.arange(len(stats)))
    while len(rows):
        apart = squared_colour_distances(colours(stats["layout"], rows), colours(stats["layout"], leader[rows]))
        rows = rows[apart > MAX_COLOUR_DISTANCE**2 / 4]
        _, first, inverse = np.unique(kind[rows], return_index=True, return_inverse=True)
        leader[rows] = rows[first][inverse]  # of those that differ from the leader, the first one is the next leader
    return leader
