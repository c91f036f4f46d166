"""Compare pairs of photos: whether their hashes and their colours are those of near duplicates."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tasks.filter.hamming import distances
from tasks.filter.phash import coarse_bits

View = Literal["hash", "mirror"]
"""What of the second photo of a pair is compared: the photo, or its mirror image. These are fields of STATS_DTYPE."""
MAX_COARSE_BITS = 10
"""Pairs that differ in more of the 64 coarse bits are not near duplicates. This misses 1 or 2 of 100 mild crops."""
MAX_COLOUR_DISTANCE = 24
"""Largest distance of a* and b* between the same parts of two near duplicates.

The largest of the 16 distances between a photo and its copy was at most 19, for each of 400 photos and each kind of
copy: JPEG of quality 10, a crop of 5 %, red and blue changed by 10 %, the saturation changed by 30 %.
"""
MAX_GREY_CHROMA = 4
"""The a* and b* of all parts of a grey photo are at most this."""
MAX_GREY_COPY_LUMA = 16
"""Largest difference of luma, of 255, between the same parts of a photo and of its grey copy."""
BATCH_PAIRS = 1 << 15
"""Pairs that are compared at once, which bounds the memory."""
_ROWS = 1 << 14
_GRID_SHARE = 4
"""A pair that is looked up costs as much as so many pairs of a grid."""
_FIRST_WORDS = 2
"""Words of 64 bits that exclude most crops."""


class Resemblance:
    """Compares pairs of n photos that can be decoded."""

    def __init__(self, stats: NDArray[np.void], max_bits: int, *, mirrored: bool) -> None:
        """Take the statistics of the photos and the settings.

        Args:
            stats: `(n,)` of STATS_DTYPE.
            max_bits: Largest distance of near duplicates, in bits.
            mirrored: Whether a mirror image can be a near duplicate.
        """
        self.max_bits = max_bits
        self.views: tuple[View, ...] = ("hash", "mirror") if mirrored else ("hash",)
        self._stats = stats
        self._words = {view: np.ascontiguousarray(stats[view]).view(np.uint64) for view in self.views}
        self.coarse = {view: coarse_bits(stats[view]) for view in self.views}
        """Coarse bits of each photo's views, `(n, 8)`, uint8."""
        self._coarse = {view: bits.view(np.uint64)[:, 0] for view, bits in self.coarse.items()}
        self._crops = np.empty((len(stats), stats["windows"].shape[1]), np.int16)
        """In how many bits each photo differs from its own crops, `(n, 9)`."""
        for top in range(0, len(stats), _ROWS):
            rows = slice(top, top + _ROWS)
            windows = np.ascontiguousarray(stats["windows"][rows]).view(np.uint64)
            apart = np.bitwise_count(windows ^ self._words["hash"][rows, None])
            self._crops[rows] = apart.sum(axis=2, dtype=np.int16)
        self._least, self._most = self._crops.min(axis=1) - max_bits, self._crops.max(axis=1) + max_bits

    def near(self, pairs: NDArray[np.int64], view: View) -> NDArray[np.bool_]:
        """Return whether pairs `(m, 2)` are near duplicates, `(m,)`: the first photo, and the view of the second."""
        near = np.empty(len(pairs), np.bool_)
        for top in range(0, len(pairs), BATCH_PAIRS):
            near[top : top + BATCH_PAIRS] = self._near(pairs[top : top + BATCH_PAIRS], view)
        return near

    def distance(self, one: int, other: int) -> int:
        """Return the least number of bits in which two photos differ: the photos, or a mild crop of one of them."""
        stats, found = self._stats, []
        for first, second in ((one, other), (other, one)):
            ours = np.concatenate([stats["hash"][first, None], stats["windows"][first]])
            found += [np.bitwise_count(ours ^ stats[view][second]).sum(axis=1).min() for view in self.views]
        return int(min(found))

    def _near(self, pairs: NDArray[np.int64], view: View) -> NDArray[np.bool_]:
        near = self._similar_coarse_bits(pairs)
        rows = np.flatnonzero(near)
        near[rows] = self._similar_hashes(pairs[rows], view)
        rows = np.flatnonzero(near)
        near[rows] = same_colours(self._stats["layout"], pairs[rows], mirrored=view == "mirror")
        return near

    def _similar_coarse_bits(self, pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return whether pairs may be near duplicates: two of their views are similar in the coarse bits."""
        one, other = pairs.T
        similar = np.zeros(len(pairs), np.bool_)
        for ours in self._coarse.values():
            for theirs in self._coarse.values():
                similar |= np.bitwise_count(ours[one] ^ theirs[other]) <= MAX_COARSE_BITS
        return similar

    def _similar_hashes(self, pairs: NDArray[np.int64], view: View) -> NDArray[np.bool_]:
        """Return whether the least distance of pairs is at most `max_bits`.

        This is the least distance between the photo or a mild crop of one and, of the other, the view.
        """
        ones, row = np.unique(pairs[:, 0], return_inverse=True)
        others, column = np.unique(pairs[:, 1], return_inverse=True)
        if len(ones) * len(others) <= _GRID_SHARE * len(pairs):  # as among the frames of a still camera
            return self._similar_grid(ones, others, view)[row, column]
        similar = np.zeros(len(pairs), np.bool_)
        for one, other in (pairs.T, pairs.T[::-1]):
            apart = distances(self._words["hash"][one].T, self._words[view][other].T).astype(np.int16)
            similar |= apart <= self.max_bits
            # The triangle inequality: if a photo differs from another in d bits, and from its own crop in c, then this
            # crop and the other differ in |d - c| at least. It excludes nearly all crops without comparing them.
            rows = np.flatnonzero(~similar & (self._least[one] <= apart) & (apart <= self._most[one]))
            possible = np.abs(self._crops[one[rows]] - apart[rows, None]) <= self.max_bits
            at, window = np.nonzero(possible)
            crops = np.ascontiguousarray(self._stats["windows"][one[rows[at]], window]).view(np.uint64)
            near = distances(crops.T, self._words[view][other[rows[at]]].T) <= self.max_bits
            similar[rows[at[near]]] = True
        return similar

    def _similar_grid(self, ones: NDArray[np.int64], others: NDArray[np.int64], view: View) -> NDArray[np.bool_]:
        """Do what `_similar_hashes` does for all pairs of m and k photos, `(m, k)`: nothing is looked up for a pair."""
        similar = np.zeros((len(ones), len(others)), np.bool_)
        for ours, theirs, turned in ((ones, others, False), (others, ones, True)):
            found = similar.T if turned else similar  # a view of it
            columns = np.ascontiguousarray(self._words[view][theirs].T)[:, None]
            apart = distances(np.ascontiguousarray(self._words["hash"][ours].T)[:, :, None], columns).astype(np.int16)
            found |= apart <= self.max_bits
            for window in range(self._crops.shape[1]):
                possible = np.abs(self._crops[ours, window, None] - apart) <= self.max_bits  # the triangle inequality
                if not possible.any():
                    continue
                crops = np.ascontiguousarray(self._stats["windows"][ours, window]).view(np.uint64).T[:, :, None]
                possible &= distances(crops[:_FIRST_WORDS], columns[:_FIRST_WORDS]) <= self.max_bits
                at, to = np.nonzero(possible)
                near = distances(crops[:, at, 0], columns[:, 0, to]) <= self.max_bits
                found[at[near], to[near]] = True
        return similar


def colours(layout: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return the colour layouts of some photos, `(m, 4, 4, 3)`."""
    return layout[rows].astype(np.int32)


def squared_colour_distances(ours: NDArray[np.int32], theirs: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the largest squared distance of a* and b* between the same parts of layouts `(m, 4, 4, 3)`: `(m,)`."""
    apart = ours[..., 1:] - theirs[..., 1:]
    return np.asarray((apart * apart).sum(axis=3).max(axis=(1, 2)), np.int32)


def same_colours(layout: NDArray[np.uint8], pairs: NDArray[np.int64], *, mirrored: bool) -> NDArray[np.bool_]:
    """Return whether pairs `(m, 2)` of photos have similar colours everywhere, `(m,)`.

    A grey photo is a copy of a coloured one if it is as bright everywhere. Else the brightness doesn't count, because
    copies often differ in it, but hardly in colour.

    Args:
        layout: Colour layouts of all photos, `(n, 4, 4, 3)`.
        pairs: Row numbers.
        mirrored: Whether one of the two is mirrored.
    """
    ours, theirs = (colours(layout, rows) for rows in pairs.T)
    theirs = theirs[:, :, ::-1] if mirrored else theirs
    luma = np.abs(ours[..., 0] - theirs[..., 0]).max(axis=(1, 2))
    is_grey = [np.abs(part[..., 1:] - 128).max(axis=(1, 2, 3)) <= MAX_GREY_CHROMA for part in (ours, theirs)]
    grey_copy = (is_grey[0] | is_grey[1]) & (luma <= MAX_GREY_COPY_LUMA)
    return np.asarray((squared_colour_distances(ours, theirs) <= MAX_COLOUR_DISTANCE**2) | grey_copy)
