"""The contents of files in a bucket, each stored once under its SHA-256: nobody ever replaces one.

Small contents that are uploaded together share an object, a pack, because each request costs time and money. The tree
says where in a pack a content is (`head`).
"""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field

from tasks.store import hashing
from tasks.store.bucket.objects import Objects
from tasks.store.bucket.problems import BucketError
from tasks.store.manifest import FileRecord

_THREADS = 16
SMALL_BYTES = 256 << 10
"""Contents up to this size are packed."""
_PACK_BYTES = 16 << 20


class Place(NamedTuple):
    """Where a content is in a pack."""

    pack: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """SHA-256 of the pack."""
    start: Annotated[int, Field(ge=0)]
    """Its first byte."""


Packs = Mapping[str, Place]
"""The places of contents by their SHA-256."""


class MissingError(BucketError):
    """A content isn't in the bucket."""


class Blobs:
    """The blobs of a bucket."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._stored: set[str] = set()
        self._packs: dict[str, Place] = {}
        self.new_packs: dict[str, Place] = {}
        """The places of contents that were packed since the last commit."""

    def know_packs(self, packs: Packs) -> None:
        """Take over where contents are, as a tree says."""
        self._packs = {**packs, **self.new_packs}

    def know(self, digests: set[str]) -> None:
        """Take it that these are stored, so that nobody asks: the tree of the head names them."""
        self._stored |= digests

    def know_nothing(self) -> None:
        """Ask again whether contents are stored: somebody has deleted some."""
        self._stored.clear()
        self.new_packs.clear()

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

    def put_small(self, contents: Iterable[tuple[FileRecord, bytes]]) -> None:
        """Store small contents, in packs; they can be read after the next commit.

        Raises:
            BucketError: The bucket can't be written.
        """
        new = ((record.sha256, data) for record, data in contents if record.sha256 not in self._stored)
        for pack in _packs(new):
            data = b"".join(pack.values())
            whole = FileRecord(bytes=len(data), sha256=hashing.of_bytes(data))
            self._objects.put(key_of(whole), data)
            start = 0
            for sha256, part in pack.items():
                if len(pack) > 1:
                    self.new_packs[sha256] = self._packs[sha256] = Place(whole.sha256, start)
                start += len(part)
            self._stored |= pack.keys()

    def require(self, record: FileRecord) -> None:
        """Raise MissingError if a content isn't stored."""
        is_known = record.sha256 in self._stored or record.sha256 in self._packs
        if not is_known and not self._objects.exists(key_of(record), record.bytes):
            raise self._missing(record)
        self._stored.add(record.sha256)

    def read(self, record: FileRecord) -> bytes:
        """Return a small content; errors as `fetch`."""
        found = self._packed(record)
        if found is None:
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
        if (data := self._packed(record)) is not None:
            path.write_bytes(data)
        elif not self._objects.fetch(key_of(record), record, path):
            raise self._missing(record)

    def delete_others(self, needed: set[str]) -> None:
        """Delete all contents but those with these SHA-256."""
        needed = needed | {place.pack for sha256, place in self._packs.items() if sha256 in needed}
        digests = {key.rpartition("/")[2] for key in self._objects.keys("blobs/")}
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(self._objects.delete, map(_key, sorted(digests - needed))))
        self._stored &= needed

    def _packed(self, record: FileRecord) -> bytes | None:
        """Read a content from its pack; None if it is in none, or the pack was deleted when nothing needed it."""
        place = self._packs.get(record.sha256)
        return self._objects.read_part(_key(place.pack), place.start, record) if place else None

    def _missing(self, record: FileRecord) -> MissingError:
        place = f"{self._objects.url}/{key_of(record)}"
        return MissingError(f"{place} is missing; restore it from another copy of the bucket")


def _packs(contents: Iterable[tuple[str, bytes]]) -> Iterator[dict[str, bytes]]:
    """Divide contents, given with their SHA-256, into packs."""
    pack: dict[str, bytes] = {}
    size = 0
    for sha256, data in contents:
        if pack and size + len(data) > _PACK_BYTES:
            yield pack
            pack, size = {}, 0
        pack[sha256] = data
        size += len(data)
    if pack:
        yield pack


def key_of(record: FileRecord) -> str:
    """Return the key of the object with a content."""
    return _key(record.sha256)


def _key(digest: str) -> str:
    return f"blobs/{digest[:2]}/{digest}"
