"""A data folder in a bucket as a place that runs are copied from and to."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from flows.moving.place import Place, artifact_path, manifest_path
from tasks.store import hashing
from tasks.store.bucket.head import Snapshot, Trees
from tasks.store.bucket.lease import lease
from tasks.store.bucket.objects import Objects
from tasks.store.bucket.problems import BucketError
from tasks.store.errors import UserError
from tasks.store.manifest import NAME, Artifact, FileRecord, Manifest

_LARGE = ("artifacts/", "pools/", "photos/")
"""What is fetched file by file; the rest is small, and fetched whole."""
IN_USE = "in-use"
"""The lease that all hold who work with a bucket, and that `fluke prune` must have alone."""


class Bucket:
    """A data folder in a bucket."""

    def __init__(self, objects: Objects) -> None:
        self.name = objects.url
        self._objects, self._trees = objects, Trees.of(objects)
        self._snapshot = Snapshot()
        self._changes: dict[str, FileRecord | None] = {}

    @contextmanager
    def opened(self, *, writes: bool) -> Iterator[Path]:
        """Fetch its small files, and commit all changes at the end of the block; see `Place.opened`."""
        with (
            lease(self._objects, IN_USE, shared=True) if writes else nullcontext(),
            tempfile.TemporaryDirectory(prefix="fluke-") as folder,
        ):
            self._snapshot, self._changes = self._trees.read(), {}
            self._trees.blobs.know({record.sha256 for record in self._snapshot.files.values()})
            root = Path(folder)
            for path, record in self._snapshot.files.items():
                if not path.startswith(_LARGE):
                    (root / path).parent.mkdir(parents=True, exist_ok=True)
                    self._trees.blobs.fetch(record, root / path)
            try:
                yield root
            except UserError as error:  # it may name a file of the temporary folder
                raise UserError(str(error).replace(folder, self.name)) from error
            if writes:
                self._keep(root)
                self._snapshot = self._trees.commit(self._snapshot, self._changes, same=self._is_same)

    def manifest(self, artifact: Artifact) -> Manifest | None:
        """Read the manifest of an artifact, see `Place.manifest`."""
        path = manifest_path(artifact)
        if (record := self._snapshot.files.get(path)) is None:
            return None
        try:
            return Manifest.parse(self._trees.blobs.read(record), Path(self.name) / artifact_path(artifact))
        except ValueError as error:
            raise BucketError(f"{self.name}: {error}") from error

    @contextmanager
    def local(self, path: str, record: FileRecord) -> Iterator[Path]:
        """Yield a download, see `Place.local`."""
        with tempfile.TemporaryDirectory(prefix="fluke-") as folder:
            found = Path(folder) / "file"
            self._trees.blobs.fetch(record, found)
            yield found

    def view(self, manifest: Manifest) -> dict[str, FileRecord]:
        """Return the files that the manifest doesn't list, see `Place.view`."""
        paths = self._snapshot.below(f"{artifact_path(manifest.artifact)}/")
        return {path: self._snapshot.files[path] for path in paths if path != manifest_path(manifest.artifact)}

    def record(self, path: str) -> FileRecord | None:
        """Return size and SHA-256 of a file, see `Place.record`."""
        return self._snapshot.files.get(path)

    def has(self, path: str, record: FileRecord) -> bool:
        """Return whether it has such a shard; photos are not listed, and asked for one by one when they are copied."""
        return self._snapshot.files.get(path) == record

    def receive(self, path: str, record: FileRecord, source: Place, *, listed: bool) -> None:
        """Upload a file, see `Place.receive`; it exists for others when all has been received."""
        with source.local(path, record) as found:
            self._trees.blobs.put(record, found)
        if not listed or path.startswith("pools/"):  # all shards are in the tree: a run looks for them by itself
            self._changes[path] = record

    def receive_manifest(self, manifest: Manifest) -> None:
        """Upload a manifest, see `Place.receive_manifest`."""
        self._change(manifest_path(manifest.artifact), manifest.encoded())

    def _keep(self, root: Path) -> None:
        """Upload the small files that have changed."""
        for found in (path for path in root.rglob("*") if path.is_file()):
            path, data = found.relative_to(root).as_posix(), found.read_bytes()
            is_lock = path.startswith("locks/") or path.endswith(".lock") or path == ".in-use"
            if not is_lock and self._snapshot.files.get(path) != _record(data):
                self._change(path, data)

    def _change(self, path: str, data: bytes) -> None:
        record = _record(data)
        self._trees.blobs.put(record, data)
        self._changes[path] = record

    def _is_same(self, path: str, mine: FileRecord, theirs: FileRecord) -> bool:
        """Whether what was written at the same time is of the same artifact."""
        if not path.endswith(f"/{NAME}"):
            return path.startswith("artifacts/")  # a report: one is as good as another
        folder = Path(path).parent
        one, other = (Manifest.parse(self._trees.blobs.read(record), folder) for record in (mine, theirs))
        return one.artifact == other.artifact


def _record(data: bytes) -> FileRecord:
    return FileRecord(bytes=len(data), sha256=hashing.of_bytes(data))
