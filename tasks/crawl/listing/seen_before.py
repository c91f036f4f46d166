"""What a source listed when the crawl's cache key was made, to name the photos that have vanished since."""

import zlib
from collections.abc import Collection, Iterable
from threading import Lock

VANISHED = "vanished while it was crawled"


class SeenBefore:
    """The names of the last listing of each source; thread-safe. They are kept compressed: there may be millions."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._names: dict[str, bytes] = {}

    def remember(self, source: str, names: Iterable[str]) -> None:
        """Remember the names of a listing, instead of those of an earlier one of the same source."""
        packed = zlib.compress("\0".join(sorted(set(names))).encode(), 1)
        with self._lock:
            self._names[source] = packed

    def vanished(self, source: str, names: Collection[str]) -> list[str]:
        """Return the remembered names that a new listing doesn't have, with the reason; they are then forgotten."""
        with self._lock:
            packed = self._names.pop(source, None)
        if packed is None:
            return []
        now = set(names)
        before = zlib.decompress(packed).decode().split("\0")
        return [f"{name} ({VANISHED})" for name in before if name and name not in now]
