"""What the local copy of a bucket leaves out: shards and photos that the bucket has, and that come when they are read.

    DATA/.mirror-left-out.json    their sizes and SHA-256, by path

A file that is here counts, whatever the list says.
"""

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from tasks.store.atomic import atomic_write
from tasks.store.manifest import FileRecord, RelativePath
from tasks.store.permissions import file_lock

_NAME = ".mirror-left-out.json"
_FOLDERS = ("pools/filter", "pools/preprocess", "pools/extract", "photos")
closers: list[Callable[[], None]] = []
"""Are called after files were removed, see `copies.after_removal`."""
_RECORDS = TypeAdapter(dict[RelativePath, FileRecord])


class Removed(NamedTuple):
    """A file that was removed."""

    used_at: float
    """In seconds since 1970."""
    bytes: int


class LeftOut:
    """The list of one local copy; safe for several threads and processes."""

    def __init__(self, root: Path) -> None:
        self._root, self._path = root, root / _NAME
        self._records: dict[str, FileRecord] = {}
        self._read_at = 0

    def records(self) -> Mapping[str, FileRecord]:
        """Return the files; those that have come meanwhile may be among them."""
        try:
            changed = self._path.stat().st_mtime_ns
            if changed != self._read_at:
                self._records, self._read_at = _RECORDS.validate_json(self._path.read_bytes()), changed
        except (FileNotFoundError, ValidationError):
            self._records = {}
        return self._records

    def add(self, files: Mapping[str, FileRecord]) -> None:
        """Add files that the bucket has; those that are here leave the list."""
        with file_lock(self._root / "locks" / "mirror-left-out.lock"):
            now = {**self.records(), **files}
            kept = {path: record for path, record in now.items() if path in files or not (self._root / path).exists()}
            if kept != self._records:
                atomic_write(self._path, _RECORDS.dump_json(kept))

    def remove(self, paths: Iterable[str]) -> None:
        """Take files from the list that the bucket doesn't have any more."""
        gone = set(paths)
        with file_lock(self._root / "locks" / "mirror-left-out.lock"):
            kept = {path: record for path, record in self.records().items() if path not in gone}
            if kept != self._records:
                atomic_write(self._path, _RECORDS.dump_json(kept))

    def forget(self, photos: Collection[str]) -> None:
        """Take the photos with these SHA-256 from the list."""
        found = self.records().items()
        self.remove([path for path, record in found if path.startswith("photos/") and record.sha256 in photos])

    def trim(
        self, stored: Callable[[], Mapping[str, FileRecord]], limit_bytes: float, *, used_before: float
    ) -> list[Removed]:
        """Remove files from the folder, those first that were used least recently.

        Args:
            stored: Returns what the bucket has; nothing else is removed.
            limit_bytes: As much of shards and photos stays.
            used_before: Nothing is removed that was used since then, in seconds since 1970.

        Returns:
            The files that were removed.
        """
        found = sorted(_files(self._root))
        over = sum(size for _, _, size in found) - limit_bytes
        if over <= 0:
            return []
        going: dict[str, FileRecord] = {}
        removed: list[Removed] = []
        in_bucket = stored()
        for used_at, path, size in found:
            if over <= 0 or used_at >= used_before:
                break
            if (record := in_bucket.get(path)) and record.bytes == size:
                going[path] = record
                removed.append(Removed(used_at, size))
                over -= size
        if going:
            self.add(going)
            for path in going:
                (self._root / path).unlink(missing_ok=True)
            for close in closers:
                close()
        return removed


def note_use(path: Path) -> None:
    """Note that a file is used now; FileNotFoundError if it isn't here."""
    found = path.stat()
    try:  # the time of the last change stays: it says whether the file was written
        os.utime(path, ns=(time.time_ns(), found.st_mtime_ns))
    except OSError:  # of another user, or read-only
        return


def _files(root: Path) -> Iterator[tuple[float, str, int]]:
    """Yield the time of its last use, the path and the size in bytes of each shard and photo that is here."""
    for folder in _FOLDERS:
        for home, folders, names in os.walk(root / folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                if name.startswith(".") or (folder != "photos" and not name.endswith(".npy")):
                    continue
                path = Path(home, name)
                try:
                    found = path.lstat()
                except FileNotFoundError:
                    continue
                yield found.st_atime, path.relative_to(root).as_posix(), found.st_size
