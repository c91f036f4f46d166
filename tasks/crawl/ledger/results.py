"""What engines have found for queries, night after night: each URL once, with the night from which on it counts.

That is the one on which it was first seen, or a later one, if it didn't come in on that.
"""

from collections.abc import Sequence
from dataclasses import dataclass

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
    PRIMARY KEY (engine, query, filters, url)
) WITHOUT ROWID
""",
    "CREATE TABLE IF NOT EXISTS nights (night INTEGER PRIMARY KEY, ended INTEGER NOT NULL)",
)


@dataclass(frozen=True, slots=True)
class Search:
    """What an engine is asked: the same words with other filters are another search."""

    engine: str
    query: str
    filters: str = ""


@dataclass(frozen=True, slots=True)
class Find:
    """A URL that a search gave."""

    search: Search
    url: str
    night: int
    """From which on it counts; see `Finds.renew`."""
    rank: int
    """Its place among the search's photos when it was first seen, from 1."""
    page: str | None = None
    licence: str | None = None
    author: str | None = None


class Finds:
    """The finds of all searches."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin_night(self) -> int:
        """Number of tonight's crawl; one that was killed goes on under its number, as if nothing had happened."""
        self._database.ask(
            "INSERT INTO nights (ended) SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM nights WHERE ended = 0)"
        )
        night: int = self._database.ask("SELECT max(night) FROM nights")[0][0]
        return night

    def end_night(self, night: int) -> None:
        """Note that all has been asked."""
        self._database.ask("UPDATE nights SET ended = 1 WHERE night = ?", (night,))

    def add(self, search: Search, night: int, hits: Sequence[tuple[int, Hit]]) -> int:
        """Note hits with their ranks; returns how many of them were new. Those that are known stay as they were."""
        key = (search.engine, search.query, search.filters)
        rows = [(*key, hit.url, night, rank, hit.page, hit.licence, hit.author) for rank, hit in hits]
        return self._database.write("INSERT OR IGNORE INTO finds VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def renew(self, search: Search, night: int) -> None:
        """Count what a search found on earlier nights, but what has never come in, as found on this one.

        Else a link that was dead on one night and isn't on another would take the place of a photo that was kept.
        """
        self._database.ask(
            "UPDATE finds SET night = ? WHERE engine = ? AND query = ? AND filters = ? AND night < ? "
            "AND url NOT IN (SELECT place FROM brought)",
            (night, search.engine, search.query, search.filters, night),
        )

    def of(self, search: Search) -> list[Find]:
        """All that a search has ever found: the older nights first, by rank."""
        rows = self._database.ask(
            "SELECT url, night, rank, page, licence, author FROM finds "
            "WHERE engine = ? AND query = ? AND filters = ? ORDER BY night, rank, url",
            (search.engine, search.query, search.filters),
        )
        return [Find(search, *row) for row in rows]

    def count(self) -> int:
        """How many finds there are."""
        count: int = self._database.ask("SELECT count(*) FROM finds")[0][0]
        return count
