"""A crawl through search engines in progress: round by round, one engine for the classes that need more photos."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from tasks.crawl.crawler import Crawler
from tasks.crawl.engines.engine import Engine
from tasks.crawl.fetch import collect_stats, fetch, photos_by_url
from tasks.crawl.keywords import Keywords
from tasks.crawl.ledger.ledger import StoredPhoto
from tasks.crawl.ledger.search_results import Search, SearchResult
from tasks.crawl.query_plan import QueryPlan
from tasks.crawl.selection import Download, Query, select_photos
from tasks.crawl.stats import CrawlStats

_SPARE_FACTOR = 2
"""A search looks for so many times the missing photos, because some links are dead."""


@dataclass
class CrawlSession:
    """The state of a crawl; creating it fetches what earlier crawls have found and this one needs."""

    plan: QueryPlan
    crawler: Crawler
    crawl_id: int
    queries: list[Query] = field(default_factory=list)
    downloads: dict[str, Download] = field(default_factory=dict)
    """By URL."""
    photos: dict[str, StoredPhoto] = field(default_factory=dict)
    """By URL."""
    candidates: dict[str, list[SearchResult]] = field(default_factory=dict)
    """Per class."""
    notes: list[str] = field(default_factory=list)
    """Warnings for the user."""

    def __post_init__(self) -> None:
        self.plan.requeue(self.crawler.ledger, self.crawl_id)
        self._fetch(self.plan.keywords)

    def count(self, label: str) -> int:
        """Return the number of photos of a class."""
        return sum(1 for _ in select_photos(self.candidates[label], self.photos, self.crawler.config.per_class))

    def incomplete(self, labels: Collection[str]) -> list[str]:
        """Return those classes that need more photos."""
        per_class = self.crawler.config.per_class
        return [label for label in labels if per_class is None or self.count(label) < per_class]

    def search_round(self, engine: Engine, labels: Sequence[str], keywords: Keywords) -> None:
        """Search with one engine for the queries of these classes, and download what is needed."""
        per_class = self.crawler.config.per_class
        queries = [
            Query(
                label,
                self.plan.search(engine.name, query),
                self.crawler.config.filters,
                max_new=None if per_class is None else _SPARE_FACTOR * (per_class - self.count(label)),
            )
            for label in labels
            for query in keywords[label]
        ]
        if not queries or self.crawler.client.cancel_reason:
            return
        self.crawler.search(engine, queries, self.crawl_id)
        self._check_canary(engine, queries)
        self.queries += queries
        self._fetch(labels)

    def stats(self) -> CrawlStats:
        """Return the statistics so far."""
        return collect_stats(self.crawler, self.queries, self.candidates, self.downloads, self.notes)

    def _fetch(self, labels: Iterable[str]) -> None:
        candidates = self.plan.candidates(self.crawler.ledger, labels)
        self.candidates |= candidates
        downloads = fetch(self.crawler, candidates, self.downloads)
        self.downloads |= {download.url: download for download in downloads}
        self.photos |= photos_by_url(downloads)

    def _check_canary(self, engine: Engine, queries: Sequence[Query]) -> None:
        """If any query found nothing, search for the engine's canary, to tell "no results" from a broken parser."""
        empty = [query for query in queries if not query.urls and query.needs_canary]
        if not empty or not engine.canary:
            return
        canary = Query("", Search(engine.name, engine.canary), max_new=1)  # no filters: they could exclude everything
        self.crawler.search(engine, [canary], None)
        if canary.urls:
            return
        path = self.crawler.save_response(engine.name)
        error = (
            f"its canary query {engine.canary!r} failed: {canary.failure}"
            if canary.failure and not canary.needs_canary
            else f"this engine's parser is broken: its canary query {engine.canary!r} found no photo"
        )
        for query in empty:
            query.failure = f"{error} ({query.failure})" if query.failure else error
        self.notes.append(f"{engine.name}: {error}; its last response is saved in {path}")
