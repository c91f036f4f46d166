"""The contents of files in a bucket, each stored once under its SHA-256: nobody ever replaces one."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tasks.store.bucket.objects import Objects
from tasks.store.bucket.problems import BucketError
from tasks.store.manifest import FileRecord

_THREADS = 16


class MissingError(BucketError):
    """A content isn't in the bucket."""


class Blobs:
    """The blobs of a bucket."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._stored: set[str] = set()

    def know(self, digests: set[str]) -> None:
        """Take it that these are stored, so that nobody asks: the tree of the head names them."""
        self._stored |= digests

    def know_nothing(self) -> None:
        """Ask again whether contents are stored: somebody has deleted some."""
        self._stored.clear()

    def put(self, record: FileRecord, content: bytes | Path, *, ask: bool = True) -> bool:
        """Store a content, unless it is there.

        Args:
            record: Its size and SHA-256.
            content: The content, or the file that has it.
            ask: Whether to ask first if it is there; otherwise it is uploaded unless that is known.

        Returns:
            Whether it was uploaded.

        Raises:
            BucketError: The bucket can't be written.
        """
        if record.sha256 in self._stored:
            return False
        key = key_of(record)
        new = not (ask and self._objects.exists(key, record.bytes))
        if new:
            self._objects.put(key, content)
        self._stored.add(record.sha256)
        return new

    def require(self, record: FileRecord) -> None:
        """Raise MissingError if a content isn't stored."""
        if record.sha256 not in self._stored and not self._objects.exists(key_of(record), record.bytes):
            raise self._missing(record)
        self._stored.add(record.sha256)

    def read(self, record: FileRecord) -> bytes:
        """Return a small content; errors as `fetch`."""
        found = self._objects.read(key_of(record), record)
        if found is None:
            raise self._missing(record)
        return found

    def fetch(self, record: FileRecord, path: Path) -> None:
        """Write a content into a file.

        Raises:
            BucketError: It is missing or damaged, or the bucket can't be read.
            OSError: The file can't be written.
        """
        if not self._objects.fetch(key_of(record), record, path):
            raise self._missing(record)

    def delete_others(self, needed: set[str]) -> None:
        """Delete all contents but those with these SHA-256."""
        digests = {key.rpartition("/")[2] for key in self._objects.keys("blobs/")}
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(self._objects.delete, map(_key, sorted(digests - needed))))
        self._stored &= needed

    def _missing(self, record: FileRecord) -> MissingError:
        place = f"{self._objects.url}/{key_of(record)}"
        return MissingError(f"{place} is missing; restore it from another copy of the bucket")


def key_of(record: FileRecord) -> str:
    """Return the key of the object with a content."""
    return _key(record.sha256)


def _key(digest: str) -> str:
    return f"blobs/{digest[:2]}/{digest}"
