"""The crawl's ledger in a bucket: whoever crawls takes the newest, and uploads it whole at the end of the stage.

All crawls have one lease, so nobody else changes it meanwhile. If somebody has all the same, because the lease was
lost, the upload is refused.
"""

import os
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tasks.store.atomic import atomic_path, atomic_write
from tasks.store.bucket.head import Snapshot, Trees
from tasks.store.manifest import FileRecord
from tasks.store.permissions import make_private_folder

LEDGER = "pools/crawl/ledger-2.sqlite"
_MARK = ".mirror-ledger"
"""A file in the data folder: the SHA-256 of the ledger in the bucket that the one here continues."""


@dataclass(frozen=True)
class SharedLedger:
    """The ledger of a folder and that of its bucket."""

    root: Path
    trees: Trees

    def take(self, snapshot: Snapshot) -> None:
        """Fetch the bucket's ledger, unless the one here continues it."""
        record, path = snapshot.files.get(LEDGER), self.root / LEDGER
        if record is None or record.sha256 == self._mark():
            return
        make_private_folder(path.parent, top=self.root / "pools")
        with atomic_path(path, private=True) as partial:
            self.trees.blobs.fetch(record, partial)
        for end in ("-wal", "-shm"):  # they belong to the file that was replaced
            path.with_name(f"{path.name}{end}").unlink(missing_ok=True)
        self._set_mark(record)

    def give(self, snapshot: Snapshot) -> Snapshot:
        """Upload the ledger; returns the new state of the bucket.

        Raises:
            ConflictError: Somebody else has uploaded one since `take`.
        """
        path = self.root / LEDGER
        if not path.is_file():
            return snapshot
        handle, name = tempfile.mkstemp(prefix="fluke-ledger-", dir=path.parent)
        os.close(handle)
        copy = Path(name)
        try:
            with (
                closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as source,
                closing(sqlite3.connect(copy)) as target,
            ):
                source.backup(target)
            record = FileRecord.of(copy)
            self.trees.blobs.put(record, copy)
        finally:
            copy.unlink()
        new = self.trees.commit(snapshot, {LEDGER: record})
        self._set_mark(record)
        return new

    def _mark(self) -> str:
        path = self.root / _MARK
        return path.read_text() if path.is_file() and (self.root / LEDGER).is_file() else ""

    def _set_mark(self, record: FileRecord) -> None:
        atomic_write(self.root / _MARK, record.sha256.encode())
