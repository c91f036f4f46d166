"""The ledger of all crawls: which photo is at which place, what engines have found, and what failed.

One SQLite file for a data folder. A place is a URL, or the path of a file. What is at a place, and what an engine found
for a query, doesn't depend on any setting, so all crawls share what one of them has learnt.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from tasks.crawl.blocklist import ForgottenError
from tasks.crawl.ledger import failures, results
from tasks.crawl.ledger.failures import Failures
from tasks.crawl.ledger.results import Finds
from tasks.crawl.ledger.sqlite import Database
from tasks.images import photos
from tasks.store import hashing
from tasks.store.manifest import FileRecord, now

_TABLE = """
CREATE TABLE IF NOT EXISTS brought (
    place TEXT PRIMARY KEY,  -- URL or path
    stamp TEXT NOT NULL,     -- of what was there then; another stamp is another photo
    sha256 TEXT NOT NULL,
    file TEXT NOT NULL,      -- below the folder of the photos
    bytes INTEGER NOT NULL,
    width_px INTEGER,
    height_px INTEGER,
    status INTEGER,
    etag TEXT,
    fetched_at TEXT NOT NULL
) WITHOUT ROWID
"""
_COLUMNS = "sha256, file, bytes, width_px, height_px, status, etag, fetched_at"


@dataclass(frozen=True, slots=True)
class Photo:
    """A stored photo, as the ledger knows it."""

    sha256: str
    file: str
    """Below the folder of the photos."""
    bytes: int
    width_px: int | None
    """As its header says; None if that can't be read."""
    height_px: int | None
    status: int | None
    """Of HTTP; None for a file."""
    etag: str | None
    fetched_at: datetime


class Ledger:
    """Places and the photos that were found there; may be used from several threads and processes at once.

    A photo's row is written after its file is safely on disk, and counts only while that file is there and whole.
    """

    def __init__(self, path: Path, home: Path, *, forgotten: Collection[str] = (), verify: bool = False) -> None:
        """Open the ledger at `path`, or begin it.

        home: the folder of the photos. forgotten: URLs and SHA-256 of photos that must not come in again.
        verify: whether to read a photo and compare it with its SHA-256 before it counts as stored, not only to look at
        its size.
        """
        self._verify = verify
        self._home = home
        self.forgotten = forgotten
        self._database = Database(path, (_TABLE, *results.TABLES, failures.TABLE))
        self.finds = Finds(self._database)
        self.failures = Failures(self._database)

    def known(self, place: str, stamp: str = "") -> Photo | None:
        """The photo that was found at a place when it had this stamp, if it is stored whole and isn't forgotten."""
        rows = self._database.ask(f"SELECT {_COLUMNS} FROM brought WHERE place = ? AND stamp = ?", (place, stamp))
        if not rows:
            return None
        sha256, file, size, width_px, height_px, status, etag, fetched_at = rows[0]
        photo = Photo(sha256, file, size, width_px, height_px, status, etag, datetime.fromisoformat(fetched_at))
        if photo.sha256 in self.forgotten or place in self.forgotten:
            return None
        stored = FileRecord(bytes=photo.bytes, sha256=photo.sha256)
        return None if stored.problem(self._home / photo.file, verify=self._verify) else photo

    def is_forgotten(self, place: str) -> bool:
        """Whether a place, or the photo that was last found there, must not come in again."""
        if place in self.forgotten:
            return True
        rows = self._database.ask("SELECT sha256 FROM brought WHERE place = ?", (place,)) if self.forgotten else []
        return any(sha256 in self.forgotten for (sha256,) in rows)

    def put(
        self,
        place: str,
        data: bytes,
        stamp: str = "",
        *,
        size_px: tuple[int, int] | None = None,
        status: int | None = None,
        etag: str | None = None,
    ) -> Photo:
        """Store a photo's bytes and note where they were found; raises ForgottenError if they must not be stored."""
        sha256 = hashing.of_bytes(data)
        is_forgotten = sha256 in self.forgotten or place in self.forgotten
        if not is_forgotten:
            photos.put(self._home, data, sha256)
        width_px, height_px = size_px or (None, None)
        file = photos.path_of(self._home, data, sha256).relative_to(self._home).as_posix()
        photo = Photo(sha256, file, len(data), width_px, height_px, status, etag, now())
        row = (place, stamp, sha256, file, len(data), width_px, height_px, status, etag, photo.fetched_at.isoformat())
        self._database.ask(f"INSERT OR REPLACE INTO brought VALUES ({', '.join('?' * len(row))})", row)
        if is_forgotten:
            raise ForgottenError
        return photo

    def places(self, what: str) -> tuple[set[str], set[str]]:
        """SHA-256 and places of a photo that is named by its SHA-256 or by a place; both empty if it isn't known."""
        named = "SELECT sha256 FROM brought WHERE sha256 = ? OR place = ?"
        rows = self._database.ask(f"SELECT sha256, place FROM brought WHERE sha256 IN ({named})", (what, what))
        return {sha256 for sha256, _ in rows}, {place for _, place in rows}

    def forget(self, sha256s: Iterable[str], places: Iterable[str]) -> None:
        """Delete all rows of photos and of places."""
        for sha256 in sha256s:
            self._database.ask("DELETE FROM brought WHERE sha256 = ?", (sha256,))
        for place in places:
            for table, column in (("brought", "place"), ("finds", "url"), ("failures", "url")):
                self._database.ask(f"DELETE FROM {table} WHERE {column} = ?", (place,))

    def stored(self) -> int:
        """How many places have a photo."""
        count: int = self._database.ask("SELECT count(*) FROM brought")[0][0]
        return count

    def close(self) -> None:
        """Let go of the file; a thread that still writes gets sqlite3.ProgrammingError."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
