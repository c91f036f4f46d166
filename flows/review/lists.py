"""The lists of photos that open pages show: the newest, and those of pages opened before the filter ran again."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flows.local_page.images import ImageCache
from flows.review.items import ReviewList
from flows.review.session import ReviewSession
from tasks.store.errors import UserError

_LOOK_EVERY_S = 5.0


@dataclass(frozen=True)
class OpenList:
    """A list that pages show."""

    name: str
    """Pages send it with each request."""
    photos: ReviewList
    session: ReviewSession


class ReviewLists:
    """All lists of a review; safe for concurrent threads."""

    def __init__(
        self,
        root: Path,
        first: ReviewList,
        newer: Callable[[ReviewList], ReviewList | None] = lambda _: None,
        *,
        reviewer: str = "",
    ) -> None:
        """Begin with one list; raises UserError if the log of decisions is damaged.

        Args:
            root: The data folder.
            first: The photos to review.
            newer: Returns the list of a newer artifact than that of a list, or None.
            reviewer: Who decides; it is logged with each decision.
        """
        self._root = root
        self.reviewer = reviewer
        self._newer = newer
        self._files: dict[str, str] = {}
        self._open: list[OpenList] = []
        self._lock = threading.Lock()
        self._looked_at = 0.0
        self.images = ImageCache(root, self._files)
        self._add(first)

    def newest(self) -> OpenList:
        """Return the list for a page that is being opened."""
        self._look(0)
        return self._open[-1]

    def get(self, name: str) -> OpenList:
        """Return the list that a page shows; raises ValueError if there is none of this name."""
        for found in self._open:
            if found.name == name:
                return found
        raise ValueError(f"unknown list {name!r}; reload the page")

    def is_outdated(self, name: str) -> bool:
        """Return whether the filter has published a newer list."""
        self._look(_LOOK_EVERY_S)
        return self._open[-1].name != name

    def changed(self) -> int:
        """Return how many photos have another decision than when their list was opened."""
        return len(set[str]().union(*(found.session.changed() for found in self._open)))

    def _add(self, photos: ReviewList) -> None:
        self._files.update(photos.photo_files)
        self._files.update(photos.files)
        session = ReviewSession(self._root, photos, self.reviewer)
        self._open.append(OpenList(str(len(self._open)), photos, session))

    def _look(self, every_s: float) -> None:
        """Look for a newer list, unless that was done a moment ago: it lists the folder of photos."""
        with self._lock:
            if every_s and time.monotonic() - self._looked_at < every_s:
                return
            try:
                found = self._newer(self._open[-1].photos)
                if found is not None:
                    self._add(found)
            except (UserError, OSError, ValueError):
                pass  # the artifact was deleted meanwhile, or it is damaged: the page goes on with its own list
            self._looked_at = time.monotonic()
