"""The contents of files in a bucket, each stored once under its SHA-256: nobody ever replaces one."""

from pathlib import Path

from tasks.store.bucket.objects import Objects
from tasks.store.bucket.problems import BucketError
from tasks.store.manifest import FileRecord


class Blobs:
    """The blobs of a bucket."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._stored: set[str] = set()

    def know(self, digests: set[str]) -> None:
        """Take it that these are stored, so that nobody asks: the tree of the head names them."""
        self._stored |= digests

    def put(self, record: FileRecord, content: bytes | Path) -> bool:
        """Store a content, unless it is there.

        Returns:
            Whether it was uploaded.

        Raises:
            BucketError: The bucket can't be written.
        """
        if record.sha256 in self._stored:
            return False
        key = key_of(record)
        new = not self._objects.exists(key, record.bytes)
        if new:
            self._objects.put(key, content)
        self._stored.add(record.sha256)
        return new

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

    def delete(self, digests: set[str]) -> None:
        """Delete contents that no tree names any more."""
        self._objects.delete([_key(digest) for digest in sorted(digests)])
        self._stored -= digests

    def _missing(self, record: FileRecord) -> BucketError:
        place = f"{self._objects.url}/{key_of(record)}"
        return BucketError(f"{place} is missing; restore it from another copy of the bucket")


def key_of(record: FileRecord) -> str:
    """Return the key of the object with a content."""
    return _key(record.sha256)


def _key(digest: str) -> str:
    return f"blobs/{digest[:2]}/{digest}"
