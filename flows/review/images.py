"""Photos as a browser may have them: decoded and encoded anew, never the bytes that the net gave."""

import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

SIDES_PX = {"small": 320, "large": 1600}
_CACHE_BYTES = 64 << 20


class Pictures:
    """Makes and remembers pictures of some photos; any number of threads may ask at once."""

    def __init__(self, root: Path, files: Mapping[str, str], cache_bytes: int = _CACHE_BYTES) -> None:
        """Show photos: `files` has each one's path below `root`, by SHA-256."""
        self._root = root.resolve()
        self._files = files
        self._most_bytes = cache_bytes
        self._cache: OrderedDict[tuple[str, str], tuple[str, bytes]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._decoding = threading.BoundedSemaphore(os.cpu_count() or 1)  # a decoded photo may take hundreds of MB

    def get(self, photo: str, size: str) -> tuple[str, bytes] | None:
        """Media type and bytes of a photo in one of SIDES_PX; None if it can't be shown."""
        key = (photo, size)
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        picture = self._make(photo, SIDES_PX[size])
        if picture:
            self._remember(key, picture)
        return picture

    def _make(self, photo: str, side_px: int) -> tuple[str, bytes] | None:
        from tasks.images import photos, thumbnails

        if photo not in self._files:
            return None
        path = (self._root / self._files[photo]).resolve()
        if not path.is_relative_to(self._root):
            return None
        try:
            with self._decoding:
                return thumbnails.encode(photos.decode(path.read_bytes(), at_least_px=side_px), side_px)
        except (OSError, ValueError):
            return None

    def _remember(self, key: tuple[str, str], picture: tuple[str, bytes]) -> None:
        with self._lock:
            if key not in self._cache:
                self._cache[key] = picture
                self._bytes += len(picture[1])
            while self._bytes > self._most_bytes:
                _, (_, data) = self._cache.popitem(last=False)
                self._bytes -= len(data)
