"""A local copy of a data folder that is in a bucket: commands work on the copy, and `sync` makes both the same.

What was changed here goes up in one commit, what others have changed comes down. If both have changed the same file,
see `conflicts`. Shards and photos come when they are asked for, see `left_out`.
"""

import errno
import logging
import math
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tasks.store.bucket import numbers, tracked
from tasks.store.bucket.conflicts import Conflicts, Merges
from tasks.store.bucket.head import Trees
from tasks.store.bucket.lease import Timing, lease
from tasks.store.bucket.ledger import SharedLedger
from tasks.store.bucket.left_out import LeftOut, note_use
from tasks.store.bucket.objects import Objects
from tasks.store.bucket.problems import BucketError
from tasks.store.bucket.sync import Sync
from tasks.store.bucket.transfer import Transfer
from tasks.store.manifest import NAME, FileRecord, Manifest

logger = logging.getLogger("fluke.bucket")

IN_USE, CRAWL = "in-use", "crawl"
"""Leases: of all who work with the bucket, and of the one who crawls."""
_GB = 1e9


class Mirror:
    """The copy in one folder of the data folder below one URL."""

    def __init__(
        self, root: Path, objects: Objects, timing: Timing | None = None, merges: Merges | None = None
    ) -> None:
        """Take the folder and the bucket; nothing is read.

        Args:
            root: The folder.
            objects: The bucket.
            timing: Of the leases; None: as usual.
            merges: How files are merged that two hosts have changed at the same time; others are refused.
        """
        self.root, self._objects, self._trees = root, objects, Trees.of(objects)
        self._transfer = Transfer(root, self._trees.blobs)
        self._left_out = LeftOut(root)
        self._sync = Sync(root, self._trees, Conflicts(root, merges or {}), self._left_out)
        self._timing = timing
        self._users = 0
        self._limit_bytes = math.inf
        self._stage_began = 0.0
        self._has_warned = False

    @property
    def url(self) -> str:
        """Where the bucket is."""
        return self._objects.url

    def sync(self, *, deletes: bool = False) -> None:
        """Make folder and bucket the same, see `Sync.run`."""
        self._sync.run(deletes=deletes)

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
                self._sync.dropped.clear()  # of a deletion that failed
                self._ledger.take(self._sync.snapshot)
            self._users += 1
            try:
                yield
            finally:
                self._users -= 1
                failed = sys.exception()
                try:
                    if exclusive and failed is None:
                        self._sync.snapshot = self._ledger.give(self._sync.snapshot)
                    self.sync(deletes=exclusive and failed is None)
                    self._trim(self._limit_bytes)
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
            self._stage_began = time.time()
            self.sync()
            if stage == "crawl":
                self.bring_photos()
                self._ledger.take(self._sync.snapshot)
            self.bring_left_out()
            yield
            if stage == "crawl":
                self._sync.snapshot = self._ledger.give(self._sync.snapshot)
            self.sync()
            self._trim(self._limit_bytes)

    def next_number(self, at_least: int) -> int:
        """Return a number of a run or a decision that no other host gets, see `numbers.claim`."""
        return numbers.claim(self._objects, at_least)

    def limit(self, gb: float | None) -> None:
        """Let shards and photos take so much of the disk, in units of 10^9 bytes; None: as much as they need."""
        self._limit_bytes = math.inf if gb is None else gb * _GB

    def forget(self, photos: Collection[str]) -> None:
        """Delete photos with these SHA-256 at the next deletion, also if a manifest names them."""
        self._sync.forgotten |= set(photos)
        self._left_out.forget(photos)

    def photos_elsewhere(self) -> dict[str, FileRecord]:
        """Return the photos that the bucket has and this folder has not, by path."""
        return {path: record for path, record in self._sync.photos().items() if not (self.root / path).exists()}

    def drop_photos(self, paths: Collection[str]) -> None:
        """Delete photos at the next deletion, unless a crawl names them."""
        self._sync.dropped |= set(paths)
        self._left_out.remove(paths)

    def bring(self, manifest: Manifest) -> None:
        """Fetch photos and shards of an artifact that are missing here or have another size.

        What the bucket lacks stays missing. If the disk is limited, what the bucket has is fetched when it is read.
        """
        lacking = self._transfer.lacking(manifest.refs)
        if self._limit_bytes < math.inf and _path_of(manifest) in self._sync.snapshot.files:
            blocked = self._sync.blocked()
            later = {
                path: record
                for path, record in lacking.items()
                if record.sha256 not in blocked and not (self.root / path).exists()
            }
            self._left_out.add(later)
            lacking = {path: record for path, record in lacking.items() if path not in later}
        self._transfer.fetch(lacking, may_lack=True)

    def bring_photos(self) -> None:
        """Fetch the photos of all crawls that are missing here, see `bring`."""
        for manifest in self._sync.manifests():
            if manifest.artifact.stage == "crawl":
                self.bring(manifest)

    def bring_left_out(self) -> None:
        """Fetch the shards and photos that are missing here, unless the disk is limited."""
        if self._limit_bytes == math.inf:
            left_out = self._left_out.records()
            self._transfer.fetch(self._transfer.lacking(left_out), may_lack=True)
            self._left_out.add({})

    def leaves_out(self, path: str) -> bool:
        """Whether a file comes from the bucket when it is read."""
        return path in self._left_out.records() and not (self.root / path).exists()

    def use(self, path: str) -> None:
        """Note that a shard or a photo is read now; fetch it if it was left out.

        Raises:
            BucketError: It can't be fetched.
            OSError: It can't be written.
        """
        try:
            note_use(self.root / path)
        except FileNotFoundError:
            if record := self._left_out.records().get(path):
                self._fetch_late({path: record})

    def _fetch_late(self, files: Mapping[str, FileRecord]) -> None:
        """Fetch files; on a full disk, remove what the stage hasn't read, and try once more."""
        try:
            self._transfer.fetch(files)
        except OSError as error:
            if error.errno != errno.ENOSPC or not self._trim(0, used_before=self._stage_began):
                raise
            self._transfer.fetch(files)

    def _trim(self, limit_bytes: float, *, used_before: float = math.inf) -> int:
        """Remove the shards and photos that were used least recently; returns the number of files."""
        if limit_bytes == math.inf:
            return 0
        removed = self._left_out.trim(self._removable, limit_bytes, used_before=used_before)
        if removed:
            size_mb = sum(each.bytes for each in removed) / 1e6
            logger.info("%s: %d files (%.1f MB) were removed from the local copy", self.url, len(removed), size_mb)
        if not self._has_warned and any(each.used_at >= self._stage_began > 0 for each in removed):
            self._has_warned = True
            logger.warning(
                "store.cache_gb=%g is less than a stage reads and writes: photos and shards are fetched again from %s "
                "by the stages after it; a higher limit saves requests",
                self._limit_bytes / _GB,
                self.url,
            )
        return len(removed)

    def _removable(self) -> dict[str, FileRecord]:
        """Return the shards and photos that the bucket has."""
        shards = {path: record for path, record in self._sync.snapshot.files.items() if tracked.is_shard(path)}
        return {**shards, **self._sync.photos()}

    @property
    def _ledger(self) -> SharedLedger:
        return SharedLedger(self.root, self._trees)

    def _waits_for(self, what: str) -> Callable[[str], None]:
        return lambda who: logger.warning("%s: %s is at work on %s: waiting for it", self.url, who, what)


def _path_of(manifest: Manifest) -> str:
    return f"artifacts/{manifest.artifact.stage}/{manifest.artifact.key}/{NAME}"
