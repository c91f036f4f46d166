"""A data folder on a disk as a place that runs are copied from and to."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows import preflight
from flows.moving.place import Place, artifact_path
from tasks.store.atomic import atomic_path
from tasks.store.errors import UserError
from tasks.store.manifest import NAME, Artifact, FileRecord, Manifest
from tasks.store.paths import inside
from tasks.store.permissions import PRIVATE_FOLDERS, make_private_folder
from tasks.store.store import Store


class Folder:
    """A data folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.root)

    @contextmanager
    def opened(self, *, writes: bool) -> Iterator[Path]:
        """Lock it in the block, so that nothing is pruned; see `Place.opened`."""
        if writes:
            preflight.check_writable(self.root)
        elif not self.root.is_dir():
            raise UserError(f"{self.root}: there is no such folder; give a data folder, or the URL of a bucket")
        with preflight.in_use(self.root):
            yield self.root

    def manifest(self, artifact: Artifact) -> Manifest | None:
        """Read the manifest of an artifact, see `Place.manifest`."""
        try:
            return Manifest.read(self.root / artifact_path(artifact))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None

    @contextmanager
    def local(self, path: str, record: FileRecord) -> Iterator[Path]:
        """Yield the file after a comparison of its SHA-256, see `Place.local`."""
        found = inside(self.root, path)
        if problem := record.problem(found, verify=True):
            raise UserError(f"{problem}; run the preset again with --verify, which replaces it")
        yield found

    def view(self, manifest: Manifest) -> dict[str, FileRecord]:
        """Return the files that the manifest doesn't list, see `Place.view`."""
        home = artifact_path(manifest.artifact)
        found = sorted(path for path in (self.root / home).rglob("[!.]*") if path.is_file())
        known = {self.root / home / name for name in (*manifest.files, NAME)}
        return {path.relative_to(self.root).as_posix(): FileRecord.of(path) for path in found if path not in known}

    def record(self, path: str) -> FileRecord | None:
        """Return size and SHA-256 of a file, see `Place.record`."""
        found = inside(self.root, path)
        return FileRecord.of(found) if found.is_file() else None

    def has(self, path: str, record: FileRecord) -> bool:
        """Return whether it has such a photo or shard, as far as the size tells; their names have their digests."""
        return record.has_size(str(inside(self.root, path)))

    def receive(self, path: str, record: FileRecord, source: Place, *, listed: bool) -> None:
        """Copy a file from another place, see `Place.receive`."""
        target, top = inside(self.root, path), path.partition("/")[0]
        private = top in PRIVATE_FOLDERS
        if private:
            make_private_folder(target.parent, top=self.root / top)
        with source.local(path, record) as found, atomic_path(target, private=private) as partial:
            shutil.copyfile(found, partial)

    def receive_manifest(self, manifest: Manifest) -> None:
        """Write the manifest, see `Place.receive_manifest`."""
        manifest.write(Store(self.root).folder(manifest.artifact))
