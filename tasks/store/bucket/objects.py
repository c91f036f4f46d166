"""Objects in a bucket: read, write, write on a condition, delete. Every call is tried again when its reason passes.

What is read is compared with its SHA-256. Of files, the caller knows it; states, which are written on a condition, have
their own as their last line.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from tasks.store import hashing
from tasks.store.bucket.problems import BucketError, bucket_error, kind_of, reason_of
from tasks.store.bucket.retries import Retries
from tasks.store.manifest import FileRecord

if TYPE_CHECKING:
    from obstore.store import ObjectStore

Output = TypeVar("Output")

logger = logging.getLogger("fluke.bucket")

_CHUNK_BYTES = 1 << 20
_PART_BYTES = 16 << 20
"""Larger files are uploaded in parts of this size."""
_TOLD_AFTER = 5
"""After so many tries, some 3 s, the user is told why nothing happens."""


@dataclass(frozen=True)
class Generation:
    """Which state of an object somebody has seen; S3 and Azure tell states apart by ETag, Google by a version."""

    e_tag: str | None
    version: str | None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Take it from what obstore returns."""
        return cls(given["e_tag"], given["version"])

    @property
    def mode(self) -> dict[str, str]:
        """The condition of a write that replaces exactly this state, for obstore."""
        return {name: value for name, value in (("e_tag", self.e_tag), ("version", self.version)) if value is not None}


@dataclass(frozen=True)
class Stored:
    """The content of an object, and which state it is."""

    data: bytes
    generation: Generation


class _DifferentError(Exception):
    """What arrived isn't what was stored."""


class Objects:
    """The objects below a URL."""

    def __init__(self, store: "ObjectStore", url: str, retries: Retries | None = None) -> None:
        """Take obstore's store for the URL."""
        self._store, self.url = store, url.rstrip("/")
        self._retries = retries or Retries()
        self._has_told = False

    def state(self, key: str) -> Stored | None:
        """Read what `put_if` has written; None if there is nothing.

        Raises:
            BucketError: It is damaged, also when read again, or the bucket can't be read.
        """

        def read() -> Stored:
            found = self._store.get(key)
            data, _, digest = bytes(found.bytes()).rpartition(b"\n")
            if hashing.of_bytes(data).encode() != digest:
                raise _DifferentError("a content without its SHA-256")
            return Stored(data, Generation.of(found.meta))

        return self._call(key, read, or_none=("missing",))

    def read(self, key: str, record: FileRecord) -> bytes | None:
        """Return the content of a small object; None if there is none. Errors as `fetch`."""

        def read() -> bytes:
            data = bytes(self._store.get(key).bytes())
            _compare(record, len(data), hashing.of_bytes(data))
            return data

        return self._call(key, read, or_none=("missing",))

    def read_part(self, key: str, start: int, record: FileRecord) -> bytes | None:
        """Return the part of an object that begins at a byte; None if there is no such object. Errors as `fetch`."""

        def read() -> bytes:
            data = bytes(self._store.get_range(key, start=start, length=record.bytes))
            _compare(record, len(data), hashing.of_bytes(data))
            return data

        return self._call(key, read, or_none=("missing",)) if record.bytes else b""

    def fetch(self, key: str, record: FileRecord, path: Path) -> bool:
        """Write an object's content into a file, and compare its size and SHA-256 on the way.

        Returns:
            Whether there is such an object.

        Raises:
            BucketError: The object differs from its record, also when read again.
            OSError: The file can't be written, for example on a full disk.
        """

        def read() -> bool:
            digest, size = hashlib.sha256(), 0
            with path.open("wb") as file:
                for chunk in self._store.get(key).stream(min_chunk_size=_CHUNK_BYTES):
                    digest.update(chunk)
                    size += file.write(chunk)
            _compare(record, size, digest.hexdigest())
            return True

        return self._call(key, read, or_none=("missing",)) or False

    def exists(self, key: str, size: int) -> bool:
        """Return whether there is an object of this size in bytes."""
        found = self._call(key, lambda: self._store.head(key)["size"], or_none=("missing",))
        return found == size

    def put(self, key: str, content: bytes | Path) -> None:
        """Write an object, whatever is there."""
        self._call(key, lambda: self._store.put(key, content, chunk_size=_PART_BYTES))

    def put_if(self, key: str, data: bytes, generation: Generation | None) -> Generation | None:
        """Write a state if nobody has written it meanwhile.

        The content must differ from that of all other writers: after a connection was cut, only that tells who has
        written.

        Args:
            key: The object.
            data: The new content.
            generation: The state that it replaces; None: there must be no such object.

        Returns:
            The new state; None if somebody else was first.
        """
        mode: Any = "create" if generation is None else generation.mode
        sealed = data + b"\n" + hashing.of_bytes(data).encode()
        done = self._call(key, lambda: self._store.put(key, sealed, mode=mode), or_none=("conflict", "missing"))
        if done is not None:
            return Generation.of(done)
        there = self.state(key)  # an earlier try may have come through, although its answer did not
        return there.generation if there and there.data == data else None

    def delete(self, key: str) -> None:
        """Delete an object, unless it is gone already."""
        self._call(key, lambda: self._store.delete(key), or_none=("missing",))

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a prefix. A listing may lack new objects: use it only to find what can be deleted."""
        found = self._call(prefix, lambda: [meta["path"] for chunk in self._store.list(prefix) for meta in chunk])
        yield from found or ()

    def _call(self, key: str, do: Callable[[], Output], or_none: Sequence[str] = ()) -> Output | None:
        """Call a function of obstore; None for the kinds of problems that the caller expects."""
        place = f"{self.url}/{key}"
        tries = 0

        def counted() -> Output:
            nonlocal tries
            tries += 1
            return do()

        def passes(error: Exception) -> bool:
            again = isinstance(error, _DifferentError) or kind_of(error) == "passing"
            if again and tries < self._retries.tries:
                reason = reason_of(error)
                logger.debug("%s: %s; trying again", place, reason)
                if tries >= _TOLD_AFTER and not self._has_told:
                    self._has_told = True
                    logger.warning("%s: %s; trying again, up to %d times", place, reason, self._retries.tries)
            return again

        try:
            return self._retries.call(counted, passes)
        except _DifferentError as error:
            raise BucketError(
                f"{place} has {error}; restore it from another copy of the bucket, or delete it and build it again"
            ) from error
        except OSError as error:
            if isinstance(error, FileNotFoundError) and error.filename is None:  # obstore's way to say "missing"
                if kind_of(error) in or_none:
                    return None
                raise bucket_error(place, error, tries) from error
            raise
        except Exception as error:
            if kind_of(error) in or_none:
                return None
            raise bucket_error(place, error, tries) from error


def _compare(record: FileRecord, size: int, sha256: str) -> None:
    """Raise _DifferentError for a content that isn't the recorded one."""
    if (size, sha256) != (record.bytes, record.sha256):
        raise _DifferentError(f"{size:,} bytes that differ from the {record.bytes:,} that were stored")
