"""The limit of what a check may reject: beyond it, the check is more probably wrong than the photos."""

from collections.abc import Iterable, Sequence

MIN_PHOTOS = 2
"""A check may reject fewer photos of a class than this, since one photo says little about it, but not the only one."""
_TOLERANCE = 1e-9


class RejectionLimit:
    """Counts the photos of each class, and says where a check would reject too many of them."""

    def __init__(self, rows: Iterable[int], photos: Sequence[str], labels: Sequence[str], share: float) -> None:
        """Take the rows that count, and the largest share (0 to 1) of photos that a check may reject.

        Args:
            rows: The rows of the photos that can be decoded.
            photos: SHA-256 of each row's photo. Copies of a file count once.
            labels: Class of each row.
            share: 1 means that there is no limit.
        """
        self._photos, self._labels, self._share = photos, labels, share
        self._total, self._of_all = self.count(rows)

    def classes_beyond(self, failing: Iterable[int]) -> set[str]:
        """Return the classes of which a check would reject too many photos, of those that fail it.

        If it would reject too many of all photos, these are the classes of all photos that fail. The order of the rows
        doesn't matter.
        """
        failed, of_all = self.count(failing)
        if self._is_beyond(of_all, self._of_all):
            return set(failed)
        return {label for label, count in failed.items() if self._is_beyond(count, self._total[label])}

    def count(self, rows: Iterable[int]) -> tuple[dict[str, int], int]:
        """Count the different photos of each class, and of all classes together."""
        found: dict[str, set[str]] = {}
        for row in rows:
            found.setdefault(self._labels[row], set()).add(self._photos[row])
        return {label: len(photos) for label, photos in found.items()}, len(set().union(*found.values()))

    def _is_beyond(self, count: int, total: int) -> bool:
        return count > self._share * total + _TOLERANCE and (count >= MIN_PHOTOS or count == total)
