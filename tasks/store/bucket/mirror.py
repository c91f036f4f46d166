"""A local copy of a data folder that is in a bucket: commands work on the copy, and `sync` makes both the same.

What was changed here goes up in one commit, what others have changed comes down. If both have changed the same file,
the bucket's stays, and the one here is set aside. Photos come when they are asked for.
"""

import logging
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from tasks.store import hashing
from tasks.store.atomic import atomic_path
from tasks.store.bucket import tracked
from tasks.store.bucket.blobs import MissingError
from tasks.store.bucket.head import ConflictError, Snapshot, Trees
from tasks.store.bucket.lease import Timing, lease
from tasks.store.bucket.ledger import LEDGER, SharedLedger
from tasks.store.bucket.objects import Objects
from tasks.store.bucket.problems import BucketError
from tasks.store.bucket.tracked import Seen
from tasks.store.manifest import NAME, Artifact, FileRecord, Manifest
from tasks.store.paths import inside, remove
from tasks.store.permissions import PRIVATE_FOLDERS, file_lock, make_private_folder

logger = logging.getLogger("fluke.bucket")

IN_USE, CRAWL = "in-use", "crawl"
"""Leases: of all who work with the bucket, and of the one who crawls."""
BLOCKLIST = "forgotten.csv"
"""The file of `tasks.crawl.blocklist`."""
_SET_ASIDE = ".conflict-"
_THREADS = 16
_ATTEMPTS = 10
_LARGE_BYTES = 64 << 20
"""Smaller files are read whole before they are uploaded."""


class _ChangedError(BucketError):
    """A file here was written while it was uploaded or fetched."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is changed all the time; run the same command again later")


class Mirror:
    """The copy in one folder of the data folder below one URL."""

    def __init__(self, root: Path, objects: Objects, timing: Timing | None = None) -> None:
        self.root, self._objects, self._trees = root, objects, Trees.of(objects)
        self._snapshot = Snapshot()
        self._timing = timing
        self._users = 0
        self._forgotten: set[str] = set()
        self._known: set[Artifact] = set()
        """Artifacts of the bucket whose contents are known to be stored there."""

    @property
    def url(self) -> str:
        """Where the bucket is."""
        return self._objects.url

    @contextmanager
    def used(self, *, exclusive: bool) -> Iterator[None]:
        """Hold a lease of the bucket in the block, alone or with others; both are the same before and after it.

        What is deleted here in an exclusive block is deleted in the bucket.

        Raises:
            BusyError: Others use the bucket, and `exclusive` is asked for.
        """
        if self._users:
            yield
            return
        waits_for = self._waits_for("the bucket")
        with lease(
            self._objects, IN_USE, shared=not exclusive, wait=not exclusive, waits_for=waits_for, timing=self._timing
        ):
            self.sync()
            if exclusive:
                self._ledger.take(self._snapshot)
            self._users += 1
            try:
                yield
            finally:
                self._users -= 1
                failed = sys.exception()
                try:
                    if exclusive and failed is None:
                        self._snapshot = self._ledger.give(self._snapshot)
                    self.sync(deletes=exclusive and failed is None)
                except (BucketError, OSError) as error:
                    if failed is None:
                        raise
                    logger.warning("%s", error)  # the failure says more

    @contextmanager
    def building(self, stage: str, digest: str) -> Iterator[None]:
        """Hold the lease of an artifact while it is built; what others have built meanwhile is here first.

        All crawls have one lease, because they write the same ledger.
        """
        name = CRAWL if stage == "crawl" else f"{stage}-{digest}"
        with lease(self._objects, name, waits_for=self._waits_for(f"{stage} {digest}"), timing=self._timing):
            self.sync()
            if stage == "crawl":
                self.bring_photos()
                self._ledger.take(self._snapshot)
            yield
            if stage == "crawl":
                self._snapshot = self._ledger.give(self._snapshot)
            self.sync()

    def forget(self, photos: Collection[str]) -> None:
        """Delete photos with these SHA-256 at the next deletion, also if a manifest names them."""
        self._forgotten |= set(photos)

    def bring(self, files: Mapping[str, FileRecord]) -> None:
        """Fetch photos and shards that are missing here or have another size; what the bucket lacks stays missing."""
        self._fetch(self._lacking(files), may_lack=True)

    def bring_photos(self) -> None:
        """Fetch the photos of all crawls that are missing here."""
        for manifest in self._manifests():
            if manifest.artifact.stage == "crawl":
                self.bring(manifest.refs)

    def sync(self, *, deletes: bool = False) -> None:
        """Make folder and bucket the same.

        Args:
            deletes: Whether files that are gone here are deleted in the bucket, with all contents that nothing needs;
                otherwise they are fetched again. The caller must use the bucket alone.

        Raises:
            ConflictError: Somebody else has changed the same file; everything else is the same now.
            BucketError: The bucket can't be read or written.
            OSError: The folder can't be written.
        """
        with file_lock(self.root / "locks" / "mirror.lock"):
            for attempt in range(_ATTEMPTS):
                try:
                    conflicts = self._sync(deletes=deletes)
                    break
                except (ConflictError, _ChangedError):  # somebody has committed or written meanwhile
                    if attempt == _ATTEMPTS - 1:
                        raise
        if conflicts:
            raise ConflictError(
                f"{self.url}: another host has changed {conflicts[0]} at the same time, and its change stays; yours is "
                f"in {_aside(self.root / conflicts[0])}; run the same command again"
            )

    def _sync(self, *, deletes: bool) -> list[str]:
        """Make both the same; returns the paths that others have changed, too."""
        base = tracked.read_base(self.root)
        known = {path: each.record for path, each in base.items()}
        seen = tracked.scan(self.root, base)
        here = {path: each.record for path, each in seen.items()}
        before, there = self._snapshot, self._trees.read(self._snapshot)
        self._snapshot = there
        if there.epoch != before.epoch:
            self._trees.blobs.know_nothing()
            self._known.clear()
        self._trees.blobs.know({record.sha256 for record in there.files.values()})
        mine = tracked.changes(known, here, deletes=deletes)
        mine = {path: record for path, record in mine.items() if there.files.get(path) != record}
        conflicts = tracked.conflicts(mine, known, there.files)
        for path in conflicts:
            for gone in self._set_aside(path):
                here.pop(gone, None)
                mine.pop(gone, None)
            mine.pop(path, None)
        self._upload(mine)
        self._snapshot = self._trees.commit(there, mine, prunes=deletes)
        self._download(here, seen)
        files = {path: record for path, record in self._snapshot.files.items() if path != LEDGER}
        tracked.write_base(self.root, files, seen)
        if deletes:
            self._trees.blobs.delete_others(self._needed())
            self._forgotten.clear()
        return [path for path in conflicts if not path.startswith("artifacts/")]  # one build is as good as another

    def _set_aside(self, path: str) -> list[str]:
        """Rename a file that others have written, too, or delete an artifact; returns the paths that are gone."""
        found = self.root / path
        if path.endswith(f"/{NAME}"):
            gone = [each.relative_to(self.root).as_posix() for each in found.parent.rglob("*")]
            remove(self.root, found.parent)
            return gone
        if found.exists():
            found.replace(_aside(found))
        return [path]

    def _upload(self, changes: Mapping[str, FileRecord | None]) -> None:
        """Upload the contents of changed files, and of the files that manifests list."""
        todo = {path: record for path, record in changes.items() if record}
        manifests = [path for path in todo if path.endswith(f"/{NAME}")]
        for path in manifests:
            todo |= self._lists(Manifest.read((self.root / path).parent))
        if manifests:
            self._know_listed()

        def put(item: tuple[str, FileRecord]) -> None:
            path, record = item
            if not (self.root / path).is_file():
                self._trees.blobs.require(record)
            elif record.bytes > _LARGE_BYTES:
                self._trees.blobs.put(record, self.root / path, ask=False)
            else:
                data = (self.root / path).read_bytes()
                if hashing.of_bytes(data) != record.sha256:
                    raise _ChangedError(path)
                self._trees.blobs.put(record, data, ask=False)

        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(put, todo.items()))

    def _know_listed(self) -> None:
        """Note that what the manifests of the bucket list is stored, so that photos aren't uploaded again."""
        for manifest in self._manifests():
            if manifest.artifact not in self._known:
                self._trees.blobs.know({record.sha256 for record in self._lists(manifest).values()})
                self._known.add(manifest.artifact)

    def _download(self, here: Mapping[str, FileRecord], seen: Mapping[str, Seen]) -> None:
        """Fetch what isn't as in the bucket, with the files of artifacts, manifests last; delete what is gone there."""
        files = self._snapshot.files
        new = {path: record for path, record in files.items() if here.get(path) != record and path != LEDGER}
        manifests = {path: record for path, record in new.items() if path.endswith(f"/{NAME}")}
        for path in new:  # a file that was written since it was looked at must not be lost
            if path in here and (self.root / path).stat().st_mtime_ns != seen[path].changed_ns:
                raise _ChangedError(path)
        self._fetch({path: record for path, record in new.items() if path not in manifests})
        for path, record in manifests.items():
            manifest = Manifest.parse(self._trees.blobs.read(record), Path(path).parent)
            own = {name: each for name, each in self._lists(manifest).items() if name.startswith("artifacts/")}
            self._fetch(self._lacking(own))
        self._fetch(manifests)
        for path in here:
            if path not in files:
                (self.root / path).unlink(missing_ok=True)
        if BLOCKLIST in new:
            self._delete_forgotten()

    def _delete_forgotten(self) -> None:
        """Delete the photos here that another host has forgotten."""
        for sha256 in re.findall(rb"(?m)^\"?([0-9A-Fa-f]{64})\b", (self.root / BLOCKLIST).read_bytes()):
            name = sha256.decode().lower()
            for photo in (self.root / "photos").glob(f"{name[:2]}/{name}.*"):
                photo.unlink(missing_ok=True)

    def _lacking(self, files: Mapping[str, FileRecord]) -> dict[str, FileRecord]:
        return {path: record for path, record in files.items() if not record.has_size(f"{self.root}/{path}")}

    def _fetch(self, files: Mapping[str, FileRecord], *, may_lack: bool = False) -> None:
        def get(item: tuple[str, FileRecord]) -> None:
            path, record = item
            target, top = inside(self.root, path), path.partition("/")[0]
            private = top in PRIVATE_FOLDERS
            if private:
                make_private_folder(target.parent, top=self.root / top)
            try:
                with atomic_path(target, private=private) as partial:
                    self._trees.blobs.fetch(record, partial)
            except MissingError:
                if not may_lack:
                    raise

        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(get, files.items()))

    def _lists(self, manifest: Manifest) -> dict[str, FileRecord]:
        """Return what a manifest lists, by path below the data folder."""
        home = f"artifacts/{manifest.artifact.stage}/{manifest.artifact.key}"
        return {**{f"{home}/{name}": record for name, record in manifest.files.items()}, **manifest.refs}

    def _manifests(self) -> Iterator[Manifest]:
        for path in self._snapshot.files:
            if path.startswith("artifacts/") and path.endswith(f"/{NAME}"):
                with suppress(OSError, ValueError):
                    yield Manifest.read((self.root / path).parent)

    def _needed(self) -> set[str]:
        """Return the SHA-256 of all contents that the bucket needs, photos that no crawl names included."""
        needed = {record.sha256 for record in self._snapshot.files.values()}
        for manifest in self._manifests():
            needed |= {record.sha256 for record in self._lists(manifest).values()}
        photos = {path.stem for path in (self.root / "photos").glob("*/[!.]*")}
        return (needed | photos | {self._snapshot.tree}) - self._forgotten

    @property
    def _ledger(self) -> SharedLedger:
        return SharedLedger(self.root, self._trees)

    def _waits_for(self, what: str) -> Callable[[str], None]:
        return lambda who: logger.warning("%s: %s is at work on %s: waiting for it", self.url, who, what)


def _aside(path: Path) -> Path:
    return path.with_name(f"{_SET_ASIDE}{path.name}")


_mirrors: dict[Path, Mirror] = {}


def add(mirror: Mirror) -> None:
    """Let `of` find a mirror."""
    _mirrors[mirror.root] = mirror


def refresh(root: Path) -> None:
    """Bring a data folder up to date, with the photos of all crawls, if it is the copy of one in a bucket.

    Raises:
        UserError: The bucket can't be read or written, or a file was changed in both places.
    """
    if copy := of(root):
        copy.sync()
        copy.bring_photos()


def of(root: Path) -> Mirror | None:
    """Return the mirror whose copy a data folder is; None if it is only a folder."""
    return _mirrors.get(root)
