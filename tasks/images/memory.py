"""Limit the memory that all threads together need to decode photos."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from threading import Condition, Lock
from typing import TYPE_CHECKING

from tasks.images import depth, formats
from tasks.images.formats import extension

if TYPE_CHECKING:
    from PIL.Image import Image

_BYTES_PER_PX = {"jpg": 8, "png": 8, "gif": 8, "bmp": 8, "webp": 17, "tif": 8, "avif": 14, "heic": 14}
"""Memory that is needed to decode one pixel: what the decoder holds, the decoded image, and the returned RGB pixels."""
_BYTES_PER_DEEP_PX, _BYTES_PER_DEEP_GREY_PX, _BYTES_PER_SCIENTIFIC_PX = 24, 12, 120
"""The second is for integers of 16 bits, the last for four fractions of 64 bits."""
_MOST_BITS = 4 * 64
_BYTES_PER_COEFFICIENT, _BYTES_PER_DECODED_PX = 2, 5
"""A progressive JPEG is kept as coefficients of its full size, even if it is decoded at a fraction of it. When they are
freed, the decoded image is converted."""
_SHARE = 8
_LEAST, _MOST = 1 << 30, 16 << 30
_REST = 3 << 29
_BITS_PER_SAMPLE, _SAMPLES_PER_PIXEL, _TILE_WIDTH, _TILE_LENGTH = 258, 277, 322, 323
"""TIFF tags, see TIFF 6.0."""


class PhotoTooLargeError(MemoryError):
    """A photo needs more memory than this machine has; on another one it could be decoded.

    The message continues a sentence that begins with the photo.
    """

    REASON = "too many pixels for the memory of this machine"

    def __init__(self, limit: int) -> None:
        """Take the bytes that a photo may need."""
        super().__init__(
            f"has {self.REASON}, which allows {limit / 1e9:.1f} GB for one photo: shrink it, or provide more memory"
        )


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


def memory_limit(cgroups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Return the bytes that this process may use.

    That is the memory of the machine or, if it is less, the limit of the process (RLIMIT_AS, RLIMIT_DATA: `ulimit -v`,
    `-d`), or of the container or service: of its cgroup (version 1 or 2) and of those around it.

    Args:
        cgroups: Where the cgroups are mounted.
        own: Lists the cgroups of this process, see `man 7 cgroups`.
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *_cgroup_limits(cgroups, own)]
    of_process = (resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA))
    return min([*limits, *(limit for limit in of_process if limit != resource.RLIM_INFINITY)])


def _cgroup_limits(cgroups: Path, own: Path) -> Iterator[int]:
    """Yield the limits of the cgroups of this process; one without a limit says "max", or is a very large number."""
    places = {""}  # a container may see its own cgroup as the root, and the path of the host
    with suppress(OSError):
        for line in own.read_text().splitlines():
            _, kinds, place = line.split(":", 2)
            if kinds in ("", "memory"):
                path = PurePosixPath(place.lstrip("/"))
                places |= {str(part) for part in (path, *path.parents) if ".." not in path.parts}
    for file in ("memory.max", "memory.limit_in_bytes"):
        for mount in ("", "unified", "memory"):
            for place in places:
                with suppress(OSError, ValueError):  # there is no such file, or it says "max"
                    yield int((cgroups / mount / place / file).read_text())


def decoding_limit(memory: int) -> int:
    """Return the bytes that all threads together may use to decode: an eighth of the memory, 1 to 16 GiB.

    Of less than 4 GiB of memory it is a quarter.
    """
    return max(min(_LEAST, memory // 4), min(_MOST, memory // _SHARE))


def photo_limit(memory: int) -> int:
    """Return the bytes that a photo may use that is decoded alone: the memory without 1.5 GiB, but at least half of it.

    The rest is for TensorFlow and for Prefect.
    """
    return max(memory // 2, memory - _REST)


def bytes_needed(data: bytes, image: "Image | None", size: tuple[int, int]) -> int:
    """Estimate the memory for decoding a photo.

    Args:
        data: The bytes of its file.
        image: The opened image, whose size is that at which it will be decoded, if it is open already.
        size: Width and height of the photo.
    """
    width, height = image.size if image else size
    if image is None and extension(data) == "tif":
        tags = formats.tiff_tags(data)
        bits = tags.get(_BITS_PER_SAMPLE, _MOST_BITS) * tags.get(_SAMPLES_PER_PIXEL, 1)
        return _BYTES_PER_SCIENTIFIC_PX * min(bits, _MOST_BITS) // _MOST_BITS * width * height
    per_px = _BYTES_PER_PX[extension(data)]
    if image and depth.is_deep(image, data):
        per_px = _BYTES_PER_DEEP_GREY_PX if image.mode.startswith("I;16") else _BYTES_PER_DEEP_PX
    tags = getattr(image, "tag_v2", {})
    tile_px = tags.get(_TILE_WIDTH, 0) * tags.get(_TILE_LENGTH, 0)  # may be larger than the photo
    decoding = _BYTES_PER_DECODED_PX * width * height + _bytes_of_coefficients(data, image, size)
    return max(per_px * max(width * height, tile_px), decoding)


def _bytes_of_coefficients(data: bytes, image: "Image | None", size: tuple[int, int]) -> int:
    """Return the memory for the coefficients of a JPEG: all of its full size, if not each scan has all channels."""
    if image is None or image.format not in ("JPEG", "MPO"):
        return 0
    channels = getattr(image, "layers", len(image.getbands()))  # those of the file; fewer may be decoded
    scan = next(formats.jpeg_scans(data), None)
    in_first_scan = data[scan + 4] if scan is not None and scan + 4 < len(data) else channels
    in_one_scan = in_first_scan == channels and not image.info.get("progressive")
    return 0 if in_one_scan else _BYTES_PER_COEFFICIENT * channels * size[0] * size[1]
