"""Copies files between a bucket and the local copy of it, several at once."""

from collections.abc import Container, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tasks.store import hashing
from tasks.store.atomic import atomic_path
from tasks.store.bucket.blobs import SMALL_BYTES, Blobs, MissingError
from tasks.store.bucket.problems import BucketError
from tasks.store.manifest import FileRecord, Manifest
from tasks.store.paths import inside
from tasks.store.permissions import PRIVATE_FOLDERS, make_private_folder

Records = Mapping[str, FileRecord]
"""Files by path below the data folder."""
_THREADS = 16
_LARGE_BYTES = 64 << 20
"""Smaller files are read whole before they are uploaded."""


class ChangedError(BucketError):
    """A file here was written while it was uploaded or fetched."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is changed all the time; run the same command again later")


@dataclass(frozen=True)
class Transfer:
    """The folder, and the contents in the bucket."""

    root: Path
    blobs: Blobs

    def upload(self, files: Records, *, packed: Container[str]) -> None:
        """Upload contents that the bucket doesn't have. What is not here must be there.

        Args:
            files: The files.
            packed: Paths of those that share objects if they are small.

        Raises:
            ChangedError: A file was changed meanwhile.
            BucketError: The bucket can't be written, or lacks a content.
        """

        once = {record.sha256: (path, record) for path, record in files.items()}
        small = {
            path: record
            for path, record in once.values()
            if path in packed and record.bytes <= SMALL_BYTES and (self.root / path).is_file()
        }

        def put(item: tuple[str, FileRecord]) -> None:
            path, record = item
            if path in small:
                return
            if not (self.root / path).is_file():
                self.blobs.require(record)
            elif record.bytes > _LARGE_BYTES:
                self.blobs.put(record, self.root / path, ask=False)
            else:
                self.blobs.put(record, self._read(path, record), ask=False)

        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(put, once.values()))
        self.blobs.put_small((record, self._read(path, record)) for path, record in small.items())

    def _read(self, path: str, record: FileRecord) -> bytes:
        data = (self.root / path).read_bytes()
        if hashing.of_bytes(data) != record.sha256:
            raise ChangedError(path)
        return data

    def fetch(self, files: Records, *, may_lack: bool = False) -> None:
        """Fetch contents, each file atomically.

        Args:
            files: The files.
            may_lack: Whether the bucket may lack some; they stay missing.

        Raises:
            BucketError: The bucket can't be read, or lacks a content.
            OSError: A file can't be written, for example on a full disk.
        """

        def get(item: tuple[str, FileRecord]) -> None:
            path, record = item
            target, top = inside(self.root, path), path.partition("/")[0]
            private = top in PRIVATE_FOLDERS
            if private:
                make_private_folder(target.parent, top=self.root / top)
            try:
                with atomic_path(target, private=private) as partial:
                    self.blobs.fetch(record, partial)
            except MissingError:
                if not may_lack:
                    raise

        if len(files) == 1:  # a thread that reads one file starts no others
            get(next(iter(files.items())))
            return
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(get, files.items()))

    def lacking(self, files: Records) -> dict[str, FileRecord]:
        """Return the files that are missing here, or have another size."""
        return {path: record for path, record in files.items() if not record.has_size(f"{self.root}/{path}")}


def listed(manifest: Manifest) -> dict[str, FileRecord]:
    """Return what a manifest lists, by path below the data folder."""
    home = f"artifacts/{manifest.artifact.stage}/{manifest.artifact.key}"
    return {**{f"{home}/{name}": record for name, record in manifest.files.items()}, **manifest.refs}
