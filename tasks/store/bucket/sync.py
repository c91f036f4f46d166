"""Make the local copy of a bucket and the bucket the same: what was changed here goes up in one commit, the rest comes.

If both have changed the same file, see `conflicts`; shards come later, see `left_out`.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from tasks.store.bucket import tracked
from tasks.store.bucket.conflicts import Conflicts, aside
from tasks.store.bucket.head import ConflictError, Snapshot, Trees
from tasks.store.bucket.ledger import LEDGER
from tasks.store.bucket.left_out import LeftOut
from tasks.store.bucket.tracked import Seen
from tasks.store.bucket.transfer import ChangedError, Transfer, listed
from tasks.store.manifest import NAME, Artifact, FileRecord, Manifest
from tasks.store.paths import remove
from tasks.store.permissions import file_lock

BLOCKLIST = "forgotten.csv"
"""The file of `tasks.crawl.blocklist`."""
_REBUILT = ("artifacts/", "pools/")
"""Of two files here that two hosts have made, one is as good as the other."""
_ATTEMPTS = 10


class Sync:
    """One folder, one bucket, and the state of the bucket that was seen last."""

    def __init__(self, root: Path, trees: Trees, conflicts: Conflicts, left_out: LeftOut) -> None:
        self.snapshot = Snapshot()
        self.forgotten: set[str] = set()
        """SHA-256 of photos that leave the bucket at the next deletion, also if a manifest names them."""
        self.dropped: set[str] = set()
        """Paths of photos that leave the bucket at the next deletion, unless a manifest names them."""
        self._root, self._trees = root, trees
        self._transfer = Transfer(root, trees.blobs)
        self._conflicts, self._left_out = conflicts, left_out
        self._known: set[Artifact] = set()
        """Artifacts of the bucket whose contents are known to be stored there."""

    def run(self, *, deletes: bool = False) -> None:
        """Make folder and bucket the same.

        Args:
            deletes: Whether files that are gone here are deleted in the bucket, with all contents that nothing needs;
                otherwise they are fetched again. The caller must use the bucket alone.

        Raises:
            ConflictError: Somebody else has changed the same file, and the changes can't be merged; everything else is
                the same now.
            BucketError: The bucket can't be read or written.
            OSError: The folder can't be written.
        """
        met: set[str] = set()
        with file_lock(self._root / "locks" / "mirror.lock"):
            for attempt in range(_ATTEMPTS):
                self._conflicts.merge()
                try:
                    conflicts = self._once(met, deletes=deletes)
                except (ConflictError, ChangedError):  # somebody has committed or written meanwhile
                    if attempt == _ATTEMPTS - 1:
                        raise
                    continue
                if not any(map(self._conflicts.can_merge, conflicts)):
                    break
        refused = sorted(path for path in met if not (path.startswith(_REBUILT) or self._conflicts.can_merge(path)))
        if refused:
            raise ConflictError(
                f"{self._trees.objects.url}: another host has changed {refused[0]} at the same time, and its change "
                f"stays; yours is in {aside(self._root / refused[0])}; run the same command again"
            )

    def _once(self, met: set[str], *, deletes: bool) -> list[str]:
        """Make both the same; returns the paths that others have changed, too, and adds them to `met`."""
        base = tracked.read_base(self._root)
        known = {path: each.record for path, each in base.items()}
        seen = tracked.scan(self._root, base, self._left_out.records())
        here = {path: each.record for path, each in seen.items()}
        before, there = self.snapshot, self._trees.read(self.snapshot)
        self.snapshot = there
        if there.epoch != before.epoch:
            self._trees.blobs.know_nothing()
            self._known.clear()
        self._trees.blobs.know({record.sha256 for path, record in there.files.items() if not tracked.is_photo(path)})
        mine = tracked.changes(known, here, deletes=deletes)
        mine = {path: record for path, record in mine.items() if there.files.get(path) != record}
        conflicts = tracked.conflicts(mine, known, there.files)
        met.update(conflicts)
        for path in conflicts:
            for gone in self._conflicts.set_aside(path):
                here.pop(gone, None)
                mine.pop(gone, None)
            mine.pop(path, None)
        self._upload(mine)
        mine |= self._changes_of_photos(mine, deletes=deletes)
        keep = self._needed() | {record.sha256 for record in mine.values() if record} if deletes else None
        self.snapshot = self._trees.commit(there, mine, keep=keep)
        self._download(here, seen)
        self._conflicts.keep_bases(self.snapshot.files, self._trees.blobs.read)
        files = {path: record for path, record in self.snapshot.files.items() if path != LEDGER}
        tracked.write_base(
            self._root, {path: record for path, record in files.items() if not tracked.is_photo(path)}, seen
        )
        self._left_out.remove(path for path in self._left_out.records() if tracked.is_shard(path) and path not in files)
        if there.epoch != before.epoch or deletes:
            self._remove_deleted_photos()
        if deletes:
            self._trees.blobs.delete_others(self._needed())
            self.forgotten.clear()
            self.dropped.clear()
        return conflicts

    def _changes_of_photos(
        self, changes: Mapping[str, FileRecord | None], *, deletes: bool
    ) -> dict[str, FileRecord | None]:
        """Let the tree list the photos of crawls that are deleted or replaced: no manifest will name them."""
        listed = {path: record for path, record in self.snapshot.files.items() if tracked.is_photo(path)}
        found = dict(listed)
        for path in filter(_is_crawl, changes):
            if before := self.snapshot.files.get(path):
                found |= Manifest.parse(self._trees.blobs.read(before), Path(path).parent).refs
        if not deletes and found == listed:
            return {}
        blocked, named = self.blocked(), {path for manifest in self.manifests() for path in manifest.refs}
        stay = {
            path: record
            for path, record in found.items()
            if path not in named and path not in self.dropped and record.sha256 not in blocked
        }
        new = {path: record for path, record in stay.items() if path not in listed}
        return {**new, **(dict.fromkeys(listed.keys() - stay.keys()) if deletes else {})}

    def _remove_deleted_photos(self) -> None:
        """Take photos from the list of those left out that the bucket has no more."""
        if photos := set(filter(tracked.is_photo, self._left_out.records())):
            self._left_out.remove(photos - self.photos().keys())

    def _upload(self, changes: Mapping[str, FileRecord | None]) -> None:
        """Upload the contents of changed files, and of the files that manifests list."""
        todo = {path: record for path, record in changes.items() if record}
        manifests = [path for path in todo if path.endswith(f"/{NAME}")]
        for path in manifests:
            todo |= listed(Manifest.read((self._root / path).parent))
        if manifests:
            self._know_listed()
        self._transfer.upload(todo, packed=changes)

    def _know_listed(self) -> None:
        """Note that what the manifests of the bucket list is stored, so that photos aren't uploaded again."""
        for manifest in self.manifests():
            if manifest.artifact not in self._known:
                self._trees.blobs.know({record.sha256 for record in listed(manifest).values()})
                self._known.add(manifest.artifact)

    def _download(self, here: Mapping[str, FileRecord], seen: Mapping[str, Seen]) -> None:
        """Fetch what isn't as in the bucket, with the files of artifacts, manifests last; delete what is gone there."""
        files = self.snapshot.files
        photos = {path: record for path, record in files.items() if tracked.is_photo(path)}
        new = {
            path: record
            for path, record in files.items()
            if here.get(path) != record and path != LEDGER and path not in photos
        }
        manifests = {path: record for path, record in new.items() if path.endswith(f"/{NAME}")}
        shards = {path: record for path, record in new.items() if tracked.is_shard(path) and path not in here}
        for path in new:  # a file that was written since it was looked at must not be lost
            if path in here and (self._root / path).stat().st_mtime_ns != seen[path].changed_ns:
                raise ChangedError(path)
        blocked = self.blocked() if photos else set()
        away = {
            path: photos[path]
            for path in photos.keys() - self._left_out.records().keys()
            if photos[path].sha256 not in blocked and not (self._root / path).exists()
        }
        self._left_out.add({**shards, **away})
        self._transfer.fetch({path: record for path, record in new.items() if path not in {*manifests, *shards}})
        for path, record in manifests.items():
            manifest = Manifest.parse(self._trees.blobs.read(record), Path(path).parent)
            own = {name: each for name, each in listed(manifest).items() if name.startswith("artifacts/")}
            self._transfer.fetch(self._transfer.lacking(own))
        self._transfer.fetch(manifests)
        gone = [path for path in here if path not in files]
        for path in gone:
            (self._root / path).unlink(missing_ok=True)
            if path.endswith(f"/{NAME}"):  # without its manifest, nothing else of an artifact counts
                remove(self._root, (self._root / path).parent)
        self._left_out.remove(gone)
        if BLOCKLIST in new:
            self._delete_forgotten()

    def _delete_forgotten(self) -> None:
        """Delete the photos here that another host has forgotten."""
        blocked = self.blocked()
        self._left_out.forget(blocked)
        for sha256 in blocked:
            for photo in (self._root / "photos").glob(f"{sha256[:2]}/{sha256}.*"):
                photo.unlink(missing_ok=True)

    def blocked(self) -> set[str]:
        """Return the SHA-256 of the photos that were forgotten."""
        with suppress(FileNotFoundError):
            found = re.findall(rb"(?m)^\"?([0-9A-Fa-f]{64})\b", (self._root / BLOCKLIST).read_bytes())
            return {sha256.decode().lower() for sha256 in found} | self.forgotten
        return set(self.forgotten)

    def manifests(self) -> Iterator[Manifest]:
        """Yield the manifests that the bucket has."""
        for path in self.snapshot.files:
            if path.startswith("artifacts/") and path.endswith(f"/{NAME}"):
                with suppress(OSError, ValueError):
                    yield Manifest.read((self._root / path).parent)

    def photos(self) -> dict[str, FileRecord]:
        """Return the photos that the bucket has, those of crawls and of deleted crawls; `fluke push` may lack some."""
        found = {path: record for path, record in self.snapshot.files.items() if tracked.is_photo(path)}
        for manifest in self.manifests():
            if manifest.artifact.stage == "crawl":
                found |= manifest.refs
        blocked = self.blocked()
        return {path: record for path, record in found.items() if record.sha256 not in blocked}

    def _needed(self) -> set[str]:
        """Return the SHA-256 of all contents that the bucket needs."""
        needed = {record.sha256 for record in self.snapshot.files.values()}
        for manifest in self.manifests():
            needed |= {record.sha256 for record in listed(manifest).values()}
        return (needed | {self.snapshot.tree}) - self.forgotten


def _is_crawl(path: str) -> bool:
    return path.startswith("artifacts/crawl/") and path.endswith(f"/{NAME}")
