"""Limit the memory that all threads together need to decode photos."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Condition, Lock
from typing import TYPE_CHECKING

from tasks.images import depth
from tasks.images.formats import extension

if TYPE_CHECKING:
    from PIL.Image import Image

_BYTES_PER_PX = {"jpg": 8, "png": 8, "gif": 8, "bmp": 8, "webp": 17, "tif": 8, "avif": 14, "heic": 14}
"""Memory that is needed to decode one pixel: what the decoder holds, the decoded image, and the returned RGB pixels."""
_BYTES_PER_DEEP_PX, _BYTES_PER_SCIENTIFIC_PX = 24, 120
_BYTES_PER_COEFFICIENT_PX = 6
"""A progressive JPEG is kept as coefficients of its full size, even if it is decoded at a fraction of it."""
_SHARE = 8
_LEAST, _MOST = 1 << 30, 16 << 30


class MemoryBudget:
    """Bytes that threads may use at the same time.

    A thread waits until enough of them are free. A thread that needs more than all of them waits until no other one
    uses any. Threads get their turn in the order in which they asked, so a large photo isn't passed by small ones for
    ever. Don't ask for a second part while holding one.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._turn = Lock()
        self._freed = Condition()

    @contextmanager
    def use(self, needed: float) -> Iterator[None]:
        """Wait for so many bytes and hold them while the context is open."""
        needed = min(int(needed), self._limit)
        with self._turn, self._freed:
            while self._used + needed > self._limit:
                self._freed.wait()
            self._used += needed
        try:
            yield
        finally:
            with self._freed:
                self._used -= needed
                self._freed.notify_all()


def decoding_limit() -> int:
    """Return the bytes that decoding may use: an eighth of the memory, at least 1 and at most 16 GiB.

    The memory is that of the machine, or of the container (cgroup) if that has less.
    """
    memory = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # there is no such file, or it says "max"
            memory.append(int(Path(file).read_text()))
    return max(_LEAST, min(_MOST, min(memory) // _SHARE))


def bytes_needed(data: bytes, image: "Image | None", size: tuple[int, int]) -> int:
    """Estimate the memory for decoding a photo.

    Args:
        data: The bytes of its file.
        image: The opened image, whose size is that at which it will be decoded, if it is open already.
        size: Width and height of the photo.
    """
    width, height = image.size if image else size
    if image is None and extension(data) == "tif":
        return _BYTES_PER_SCIENTIFIC_PX * width * height
    per_px = _BYTES_PER_DEEP_PX if image and depth.is_deep(image, data) else _BYTES_PER_PX[extension(data)]
    coefficients = _BYTES_PER_COEFFICIENT_PX * size[0] * size[1] if image and image.info.get("progressive") else 0
    return per_px * width * height + coefficients
