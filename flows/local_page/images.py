"""Images for the browser: photos decoded and encoded again, so that no downloaded bytes reach it."""

import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

from tasks.store.paths import inside

SIDES_PX = {"small": 320, "medium": 800, "large": 1600}
_CACHE_BYTES = 64 << 20


class ImageCache:
    """Encodes images of photos for the browser, and caches them; safe for concurrent threads."""

    def __init__(self, root: Path, files: Mapping[str, str], cache_bytes: int = _CACHE_BYTES) -> None:
        """Take the data folder, the path of each photo below it by SHA-256, and the most bytes to cache."""
        self._root = root
        self._files = files
        self._max_bytes = cache_bytes
        self._cache: OrderedDict[tuple[str, str], tuple[str, bytes]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._decoding = threading.BoundedSemaphore(os.cpu_count() or 1)  # a decoded photo may need hundreds of MB

    @property
    def cached_bytes(self) -> int:
        """Bytes of all cached images."""
        with self._lock:
            return sum(len(data) for _, data in self._cache.values())

    def get(self, photo: str, size: str) -> tuple[str, bytes] | None:
        """Return the media type and the bytes of a photo, or None if it can't be shown.

        Args:
            photo: SHA-256 of the photo.
            size: A key of SIDES_PX.
        """
        key = (photo, size)
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        image = self._encode(photo, SIDES_PX[size])
        if image:
            self._store(key, image)
        return image

    def _encode(self, photo: str, side_px: int) -> tuple[str, bytes] | None:
        from tasks.images import photos, thumbnails
        from tasks.images.memory import PhotoTooLargeError

        if photo not in self._files:
            return None
        try:
            path = inside(self._root, self._files[photo])
            with self._decoding:
                return photos.decode_to(
                    lambda pixels: thumbnails.encode(pixels, side_px), path.read_bytes(), at_least_px=side_px
                )
        except (OSError, ValueError, PhotoTooLargeError):
            return None

    def _store(self, key: tuple[str, str], image: tuple[str, bytes]) -> None:
        with self._lock:
            if key not in self._cache:
                self._cache[key] = image
                self._bytes += len(image[1])
            while self._bytes > self._max_bytes:
                _, (_, data) = self._cache.popitem(last=False)
                self._bytes -= len(data)
