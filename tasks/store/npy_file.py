"""Write an array to a .npy file row by row.

Only one row has to be in memory, and it is hashed while it is in the processor's cache. What has been written is
flushed to the disk while the next rows are computed, so that little is left to wait for at the end.
"""

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO, FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.store import hashing
from tasks.store.file_errors import naming
from tasks.store.manifest import FileRecord

FLUSH_BYTES = 16 << 20
"""At least so many bytes are flushed to the disk at a time."""


def write_rows(path: Path, count: int, rows: Iterable[NDArray[Any]], *, shown_as: Path) -> tuple[list[str], FileRecord]:
    """Write rows to a file, as `numpy.save` writes the array `(n, ...)` of all rows.

    Args:
        path: The file, which is overwritten. The caller flushes its end to the disk.
        count: The number of rows, n.
        rows: The rows, of the same shape and dtype; an array `(n, ...)` is its rows.
        shown_as: The path that errors of writing name.

    Returns:
        The SHA-256 (64 hex digits) of each row, and the record of the file.

    Raises:
        ValueError: There is another number of rows, or none, or one has another shape or dtype than the first.
        OSError: The file can't be written. Errors of computing a row pass unchanged.
    """
    digests: list[str] = []
    first = None
    with path.open("wb", buffering=0) as file, ThreadPoolExecutor(1) as thread:
        output = _Output(file, thread, shown_as)
        for given in rows:
            row = np.asarray(given, order="C")
            if first is None:
                first = row.dtype, row.shape
                output.write(_header(count, row))
            if (row.dtype, row.shape) != first:
                raise ValueError(f"a row is {row.dtype} {row.shape}, the first one is {first[0]} {first[1]}")
            data = row.reshape(-1).view(np.uint8).data
            digests.append(hashing.of_bytes(data))
            output.write(data)
        if len(digests) != count or not digests:
            raise ValueError(f"there are {len(digests)} rows for {count} photos")
        return digests, output.finish()


class _Output:
    """A file that is hashed, and flushed to the disk by another thread, while it is written."""

    def __init__(self, file: FileIO, thread: ThreadPoolExecutor, shown_as: Path) -> None:
        self._file = file
        self._thread = thread
        self._shown_as = shown_as
        self._sha = hashlib.sha256()
        self._bytes = self._flushed_bytes = 0
        self._flushing: Future[None] | None = None

    def write(self, data: bytes | memoryview) -> None:
        self._sha.update(data)
        self._bytes += len(data)
        with naming(self._shown_as):
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
            if self._bytes - self._flushed_bytes >= FLUSH_BYTES and (self._flushing is None or self._flushing.done()):
                self._wait()
                self._flushed_bytes = self._bytes
                self._flushing = self._thread.submit(os.fdatasync, self._file.fileno())

    def finish(self) -> FileRecord:
        with naming(self._shown_as):
            self._wait()
        return FileRecord(bytes=self._bytes, sha256=self._sha.hexdigest())

    def _wait(self) -> None:
        """Wait until the part that is being flushed is on the disk; the system tells of an error only once."""
        if self._flushing is not None:
            self._flushing.result()


def _header(count: int, row: NDArray[Any]) -> bytes:
    """Return the header of a .npy file of so many rows, see `numpy.lib.format`."""
    header = BytesIO()
    fields = {"descr": np.lib.format.dtype_to_descr(row.dtype), "fortran_order": False, "shape": (count, *row.shape)}
    np.lib.format.write_array_header_1_0(header, fields)
    return header.getvalue()
