"""What search engines have found in all crawls: each URL of a search once, with the crawl in which it counts as found.

That is the crawl in which the URL was first seen, or a later one if its photo wasn't downloaded then (see `requeue`).
In the database, a crawl is called a night.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from configs.redact import strip_login
from tasks.crawl.engines.engine import Hit
from tasks.crawl.ledger.sqlite import Database

TABLES = (
    """
CREATE TABLE IF NOT EXISTS finds (
    engine TEXT NOT NULL,
    query TEXT NOT NULL,
    filters TEXT NOT NULL,
    url TEXT NOT NULL,
    night INTEGER NOT NULL,
    rank INTEGER NOT NULL,   -- when it was first seen
    page TEXT,
    licence TEXT,
    author TEXT,
    width_px INTEGER,        -- as the engine said when the URL was first seen
    height_px INTEGER,
    PRIMARY KEY (engine, query, filters, url)
) WITHOUT ROWID
""",
    "CREATE TABLE IF NOT EXISTS nights (night INTEGER PRIMARY KEY, ended INTEGER NOT NULL)",
)

_COLUMNS = "engine, query, filters, url, night, rank, page, licence, author, width_px, height_px"


@dataclass(frozen=True, slots=True)
class Search:
    """A query to an engine; the same query with other filters is another search."""

    engine: str
    query: str
    filters: str = ""
    """See `tasks.crawl.query_plan.filters_key`."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A URL that a search found."""

    search: Search
    url: str
    crawl_id: int
    """The crawl in which it counts as found; see `SearchResults.requeue`."""
    rank: int
    """Its position among the search's photos when it was first seen, from 1."""
    page: str | None = None
    """URL of the page that shows the photo."""
    licence: str | None = None
    author: str | None = None
    width_px: int | None = None
    """As the engine said when the URL was first seen; None, like `height_px`, if it didn't."""
    height_px: int | None = None

    @property
    def size_px(self) -> tuple[int, int] | None:
        """Width and height, if both are known."""
        return None if self.width_px is None or self.height_px is None else (self.width_px, self.height_px)


class SearchResults:
    """The results of all searches."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._upgrade()

    def begin_crawl(self) -> int:
        """Return the ID of the crawl that starts now. A crawl that was killed continues under its old ID."""
        self._database.execute(
            "INSERT INTO nights (ended) SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM nights WHERE ended = 0)"
        )
        crawl_id: int = self._database.execute("SELECT max(night) FROM nights")[0][0]
        return crawl_id

    def end_crawl(self, crawl_id: int) -> None:
        """Record that a crawl is complete, so that the next one gets a new ID."""
        self._database.execute("UPDATE nights SET ended = 1 WHERE night = ?", (crawl_id,))

    def add(self, search: Search, crawl_id: int, hits: Sequence[tuple[int, Hit]]) -> int:
        """Add hits with their ranks; return how many were new. Known hits keep their first crawl and rank."""
        key = (search.engine, search.query, search.filters)
        rows = [
            (*key, strip_login(hit.url), crawl_id, rank, hit.page and strip_login(hit.page), hit.licence, hit.author)
            + (hit.size_px or (None, None))
            for rank, hit in hits
        ]
        return self._database.execute_many(
            f"INSERT OR IGNORE INTO finds ({_COLUMNS}) VALUES ({', '.join('?' * len(_COLUMNS.split(',')))})", rows
        )

    def requeue(self, search: Search, crawl_id: int) -> None:
        """Count URLs of earlier crawls whose photos were never downloaded as found in this crawl.

        Otherwise a link that was dead in one crawl and works in a later one would displace a photo that was kept.
        """
        self._database.execute(
            "UPDATE finds SET night = ? WHERE engine = ? AND query = ? AND filters = ? AND night < ? "
            "AND url NOT IN (SELECT place FROM brought)",
            (crawl_id, search.engine, search.query, search.filters, crawl_id),
        )

    def of(self, search: Search) -> list[SearchResult]:
        """Return all results of a search, ordered by crawl, then by rank."""
        rows = self._database.execute(
            "SELECT url, night, rank, page, licence, author, width_px, height_px FROM finds "
            "WHERE engine = ? AND query = ? AND filters = ? ORDER BY night, rank, url",
            (search.engine, search.query, search.filters),
        )
        return [SearchResult(search, *row) for row in rows]

    def count(self) -> int:
        """Return the number of results of all searches."""
        count: int = self._database.execute("SELECT count(*) FROM finds")[0][0]
        return count

    def _upgrade(self) -> None:
        """Add the columns that ledgers of earlier versions don't have, once.

        The URLs of Commons that they contain lose their parameters `utm_...`, which later hits don't have either, so
        that no photo is downloaded again.
        """
        known = {name for _, name, *_ in self._database.execute("PRAGMA table_info(finds)")}
        missing = [name for name in ("width_px", "height_px") if name not in known]
        if missing:  # the columns come last, so that an upgrade that was killed begins again
            found = "SELECT url FROM finds WHERE engine = 'commons' AND url LIKE 'https://%?utm!_%' ESCAPE '!'"
            for table, column in (("brought", "place"), ("failures", "url"), ("finds", "url")):
                self._database.execute(
                    f"UPDATE OR IGNORE {table} SET {column} = substr({column}, 1, instr({column}, '?') - 1) "
                    f"WHERE {column} IN ({found})"
                )
        for name in missing:
            with suppress(sqlite3.OperationalError):  # another process has just added it
                self._database.execute(f"ALTER TABLE finds ADD COLUMN {name} INTEGER")
