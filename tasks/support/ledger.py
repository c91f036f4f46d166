"""The ledger of a crawl: what has been brought in already, so that nothing is fetched or hashed twice.

An SQLite file with one row per place (a URL, or the path of a file), which survives kill -9 at any point: a photo's row
is written after its file is safely on disk. A row counts only while that file is there and whole. What is at a place
doesn't depend on any knob, so all crawls of a data folder share one ledger.
"""

import logging
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from tasks.support import photos
from tasks.support.manifest import FileRecord, now

logger = logging.getLogger("fluke.crawl")

_TABLE = """
CREATE TABLE IF NOT EXISTS brought (
    place TEXT PRIMARY KEY,  -- URL or path
    stamp TEXT NOT NULL,     -- of what was there then; another stamp is another photo
    sha256 TEXT NOT NULL,
    file TEXT NOT NULL,      -- below the folder of the photos
    bytes INTEGER NOT NULL,
    fetched_at TEXT NOT NULL
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Photo:
    """A stored photo, as the ledger knows it."""

    sha256: str
    file: str
    """Below the folder of the photos."""
    bytes: int
    fetched_at: datetime


class Ledger:
    """Places and the photos that were found there; may be used from several threads and processes at once."""

    def __init__(self, path: Path, home: Path, *, verify: bool = False) -> None:
        """Open the ledger at `path`, or begin it.

        home: the folder of the photos. verify: whether to read a photo and compare it with its SHA-256 before it counts
        as stored, not only to look at its size.
        """
        self._verify = verify
        self._home = home
        self._lock = Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._rows = _open(path)
        except sqlite3.OperationalError:  # locked, disk full, not writable: nothing is wrong with the file
            raise
        except sqlite3.DatabaseError as error:
            logger.warning("%s is damaged (%s): photos are brought in again", path, error)
            for part in (path, *path.parent.glob(f"{path.name}-*")):  # its write-ahead log belongs to it
                part.replace(part.with_name(f".damaged-{part.name}"))
            self._rows = _open(path)

    def known(self, place: str, stamp: str = "") -> Photo | None:
        """The photo that was found at a place when it had this stamp, if it is still stored whole."""
        with self._lock:
            row = self._rows.execute(
                "SELECT sha256, file, bytes, fetched_at FROM brought WHERE place = ? AND stamp = ?", (place, stamp)
            ).fetchone()
        if row is None:
            return None
        photo = Photo(row[0], row[1], row[2], datetime.fromisoformat(row[3]))
        stored = FileRecord(bytes=photo.bytes, sha256=photo.sha256)
        return None if stored.flaw(self._home / photo.file, verify=self._verify) else photo

    def put(self, place: str, data: bytes, stamp: str = "") -> Photo:
        """Store a photo's bytes and note where they were found."""
        sha256, path = photos.put(self._home, data)
        photo = Photo(sha256, path.relative_to(self._home).as_posix(), len(data), now())
        row = (place, stamp, photo.sha256, photo.file, photo.bytes, photo.fetched_at.isoformat())
        with self._lock:
            self._rows.execute("INSERT OR REPLACE INTO brought VALUES (?, ?, ?, ?, ?, ?)", row)
        return photo

    def close(self) -> None:
        """Let go of the file; a thread that still writes gets sqlite3.ProgrammingError."""
        with self._lock:
            self._rows.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open(path: Path) -> sqlite3.Connection:
    rows = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
    try:
        # Every row is kept if we are killed; a power cut may lose the last ones, never the file.
        rows.execute("PRAGMA journal_mode = WAL")
        rows.execute("PRAGMA synchronous = NORMAL")
        rows.execute(_TABLE)
        with closing(rows.execute("PRAGMA quick_check(1)")) as check:
            if (verdict := check.fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(verdict)
    except BaseException:
        rows.close()
        raise
    return rows
