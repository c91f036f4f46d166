"""The ledger of all crawls: which photo is stored from which location, what engines found, and what failed.

One SQLite file per data folder. A location is a URL or the path of a file. Neither the photo at a location nor the
results of a query depend on a setting, so all crawls share this file.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tasks.crawl.blocklist import BlocklistedError
from tasks.crawl.ledger import retry_schedule, search_results
from tasks.crawl.ledger.retry_schedule import RetrySchedule
from tasks.crawl.ledger.search_results import SearchResults
from tasks.crawl.ledger.sqlite import Database
from tasks.images import photo_files
from tasks.store import hashing
from tasks.store.bucket import copies
from tasks.store.manifest import FileRecord, now
from tasks.store.paths import inside

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
class StoredPhoto:
    """A stored photo, as the ledger describes it."""

    sha256: str
    """64 hex digits."""
    file: str
    """Path below the folder of the photos."""
    bytes: int
    width_px: int | None
    """From the file's header; None if the header is unreadable."""
    height_px: int | None
    status: int | None
    """HTTP status of the download; None for a local file."""
    etag: str | None
    fetched_at: datetime


class Ledger:
    """Locations and the photos stored from them; safe for several threads and processes at once.

    A photo's row is written after its file is on disk, and is valid only while that file exists undamaged.
    """

    def __init__(self, path: Path, home: Path, *, blocklist: Collection[str] = (), verify: bool = False) -> None:
        """Open the ledger, or create it.

        Args:
            path: the SQLite file.
            home: the folder of the photos.
            blocklist: URLs and SHA-256 of photos that must not be stored.
            verify: whether to check the SHA-256 of a stored photo before it is reused, not only its size.
        """
        self._verify = verify
        self._home = home
        self._blocklist = blocklist
        self._lost: set[str] = set()
        self._database = Database(path, (_TABLE, *search_results.TABLES, retry_schedule.TABLE))
        self.search_results = SearchResults(self._database)
        self.retry_schedule = RetrySchedule(self._database)

    def lookup(self, location: str, mtime_key: str = "") -> StoredPhoto | None:
        """Return the photo stored from a location; None if there is none, if it is damaged or on the blocklist.

        Args:
            location: URL or path.
            mtime_key: sizes and times of a local file, see `LocalFile`; a row with another key doesn't count.
        """
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM brought WHERE place = ? AND stamp = ?", (location, mtime_key)
        )
        if not rows:
            return None
        try:
            photo = _photo(rows[0])
            stored, path = FileRecord(bytes=photo.bytes, sha256=photo.sha256), inside(self._home, photo.file)
        except (ValueError, TypeError):  # somebody changed the ledger
            self._lost.add(location)
            return None
        if photo.sha256 in self._blocklist or location in self._blocklist:
            return None
        if stored.problem(path, verify=self._verify) and not copies.leaves_out(path):
            self._lost.add(location)
            return None
        return photo

    def lost(self, *, offline: bool) -> list[str]:
        """Return the locations that `lookup` was asked for, and whose stored photos are gone and weren't had again.

        Args:
            offline: whether nothing was fetched, so that all photos that are gone count; otherwise those that were
                fetched in vain.
        """
        failed = self.retry_schedule.failed()
        return sorted(location for location in self._lost if offline or location in failed)

    def is_blocklisted(self, location: str) -> bool:
        """Whether a location, or the photo last found there, is on the blocklist."""
        if location in self._blocklist:
            return True
        if not self._blocklist:
            return False
        rows = self._database.execute("SELECT sha256 FROM brought WHERE place = ?", (location,))
        return any(sha256 in self._blocklist for (sha256,) in rows)

    def put(
        self,
        location: str,
        data: bytes,
        mtime_key: str = "",
        *,
        size_px: tuple[int, int] | None = None,
        status: int | None = None,
        etag: str | None = None,
    ) -> StoredPhoto:
        """Store a photo and record its location.

        Args:
            location: URL or path.
            data: the photo's bytes.
            mtime_key: see `lookup`.
            size_px: width and height, if known.
            status: HTTP status of the download.
            etag: the ETag header of the download.

        Raises:
            BlocklistedError: the photo is on the blocklist. Its location is recorded, so that it isn't fetched again.
        """
        sha256 = hashing.of_bytes(data)
        is_blocklisted = sha256 in self._blocklist or location in self._blocklist
        if not is_blocklisted:
            photo_files.put(self._home, data, sha256)
        width_px, height_px = size_px or (None, None)
        file = photo_files.path_of(self._home, data, sha256).relative_to(self._home).as_posix()
        photo = StoredPhoto(sha256, file, len(data), width_px, height_px, status, etag, now())
        fetched_at = photo.fetched_at.isoformat()
        row = (location, mtime_key, sha256, file, len(data), width_px, height_px, status, etag, fetched_at)
        self._lost.discard(location)
        self._database.execute(f"INSERT OR REPLACE INTO brought VALUES ({', '.join('?' * len(row))})", row)
        if is_blocklisted:
            raise BlocklistedError
        return photo

    def locations_of(self, name: str) -> tuple[set[str], set[str]]:
        """Return the SHA-256 and the locations of a photo; both sets are empty if the photo is unknown.

        Args:
            name: the photo's SHA-256 or one of its locations.
        """
        named = "SELECT sha256 FROM brought WHERE sha256 = ? OR place = ?"
        rows = self._database.execute(f"SELECT sha256, place FROM brought WHERE sha256 IN ({named})", (name, name))
        return {sha256 for sha256, _ in rows}, {location for _, location in rows}

    def forget(self, sha256s: Iterable[str], locations: Iterable[str]) -> None:
        """Delete all rows of these photos and of these locations."""
        for sha256 in sha256s:
            self._database.execute("DELETE FROM brought WHERE sha256 = ?", (sha256,))
        for location in locations:
            for table, column in (("brought", "place"), ("finds", "url"), ("failures", "url")):
                self._database.execute(f"DELETE FROM {table} WHERE {column} = ?", (location,))

    def location_count(self) -> int:
        """Return the number of locations from which a photo was stored."""
        count: int = self._database.execute("SELECT count(*) FROM brought")[0][0]
        return count

    def close(self) -> None:
        """Close the file; a thread that still writes gets sqlite3.ProgrammingError."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _photo(row: tuple[Any, ...]) -> StoredPhoto:
    """Return the photo of a row with `_COLUMNS`; SQLite columns may contain values of any type.

    Raises:
        TypeError, ValueError: A value is not what the ledger writes.
    """
    sha256, file, size, width_px, height_px, status, etag, fetched_at = row
    if not all(number is None or isinstance(number, int) for number in (width_px, height_px, status)):
        raise TypeError("width, height and status are whole numbers")
    if not (etag is None or isinstance(etag, str)):
        raise TypeError("an etag is a text")
    time = datetime.fromisoformat(fetched_at)
    if time.tzinfo is None:
        raise ValueError("a time has a time zone")
    return StoredPhoto(sha256, file, size, width_px, height_px, status, etag, time)
