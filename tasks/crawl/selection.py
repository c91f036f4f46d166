"""Which of the found URLs are downloaded, and which photos are kept; needs neither network nor threads."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from threading import Lock
from urllib.parse import unquote, urljoin

from configs.schema import CrawlConfig, SearchFilters
from tasks.crawl.engines.engine import Hit
from tasks.crawl.http.urls import host_key, normalize_url
from tasks.crawl.ledger.ledger import StoredPhoto
from tasks.crawl.ledger.search_results import Search, SearchResult
from tasks.crawl.result import PhotoRow
from tasks.crawl.stats import TOO_MANY_PIXELS, TOO_NARROW, TOO_SMALL

Candidates = Mapping[str, Sequence[SearchResult]]
"""Per class: its search results, each URL once, in order of preference."""


@dataclass(kw_only=True)
class WorkItem:
    """Something for a pool of threads to do, with its outcome."""

    failure: str | None = None
    """Why the server or the network didn't deliver; None if it did."""
    transient: bool = False
    """Whether the failure may pass: no response, HTTP 429 or 5xx."""
    error: Exception | None = None
    """An error of this program or this machine; it ends the crawl."""


@dataclass
class Query(WorkItem):
    """One search for one class, and what it found in this crawl."""

    label: str
    search: Search
    filters: SearchFilters = field(default_factory=SearchFilters)
    max_new: int | None = None
    """The search ends after so many new URLs; None: no limit."""
    pages: int = 0
    """Pages of results that were read."""
    urls: dict[str, None] = field(default_factory=dict)
    """The URLs found in this crawl, in order."""
    new: int = 0
    """How many of the URLs no earlier crawl had found; all, if the search isn't recorded."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Number of pages of a site that couldn't be read, by reason."""
    needs_canary: bool = True
    """Whether an empty result may mean that the engine's format has changed."""


@dataclass
class Download(WorkItem):
    """One URL, and its position among the candidates of each class that it was found for."""

    url: str
    positions: dict[str, int]
    size_px: tuple[int, int] | None = None
    """Width and height, as an engine says."""
    photo: StoredPhoto | None = None
    fetched: bool = False
    """Whether the photo was downloaded in this crawl; False if the ledger had it."""


def new_hits(query: Query, hits: Sequence[Hit], page_url: str) -> list[tuple[int, Hit]]:
    """Return the hits that the query didn't have yet, with their ranks from 1; their URLs are made absolute."""
    new = []
    for hit in hits:
        url = _absolute(page_url, hit.url)
        if url not in query.urls:
            query.urls[url] = None
            page = None if hit.page is None else _absolute(page_url, hit.page)
            new.append((len(query.urls), replace(hit, url=url, page=page)))
    return new


def _absolute(page_url: str, url: str) -> str:
    """Return a hit's absolute URL; a malformed one is returned unchanged, and counts as a failed download later."""
    try:
        return urljoin(page_url, url)
    except ValueError:
        return url


def order_results(results: Iterable[tuple[int, SearchResult]]) -> list[SearchResult]:
    """Return the results of a class in order of preference, each URL once.

    Earlier crawls come first, then searches of higher precedence, then higher ranks. So a photo that was kept in one
    crawl keeps its position in all later ones. Only among results of the same rank, which different queries found, the
    one with more pixels comes first: a rank says how relevant a photo is, and a size doesn't.

    Args:
        results: the precedence of each result's search (0 is the highest), and the result.
    """
    found: dict[str, SearchResult] = {}
    for _, result in sorted(results, key=lambda item: (item[1].crawl_id, item[0], item[1].rank, -_pixels(item[1]))):
        found.setdefault(result.url, result)
    return list(found.values())


def size_problem(size_px: tuple[int, int] | None, config: CrawlConfig) -> str | None:
    """Return why a photo of this size isn't worth its download; None if it is, or if the size isn't known."""
    if size_px is None:
        return None
    shorter, longer = sorted(size_px)
    if config.min_side_px is not None and shorter < config.min_side_px:
        return TOO_SMALL
    if config.min_aspect is not None and shorter < config.min_aspect * longer:
        return TOO_NARROW
    return TOO_MANY_PIXELS if shorter * longer > config.max_photo_mpx * 1e6 else None


def _pixels(result: SearchResult) -> int:
    return result.size_px[0] * result.size_px[1] if result.size_px else 0


def plan_downloads(candidates: Candidates) -> list[Download]:
    """Return a download for each URL: the first candidate of every class before the second of any."""
    downloads: dict[str, Download] = {}
    for label, results in candidates.items():
        for position, result in enumerate(results):
            download = downloads.setdefault(result.url, Download(result.url, {}))
            download.positions[label] = position
            download.size_px = download.size_px or result.size_px
    return sorted(downloads.values(), key=lambda download: min(download.positions.values()))


class Quota:
    """Decides which photos are still needed; safe for several threads.

    A class needs a photo while fewer than `per_class` photos are stored from *earlier* positions. So what is kept never
    depends on which thread was first.
    """

    def __init__(self, per_class: int | None) -> None:
        self._per_class = per_class
        self._positions: dict[str, dict[str, int]] = {}
        """Per class: the first position of each stored photo, by SHA-256."""
        self._lock = Lock()

    def needs(self, download: Download) -> bool:
        """Whether any class needs this photo."""
        if self._per_class is None:
            return True
        with self._lock:
            return any(
                sum(other < position for other in self._positions.get(label, {}).values()) < self._per_class
                for label, position in download.positions.items()
            )

    def add(self, download: Download, photo: StoredPhoto) -> None:
        """Count a stored photo."""
        if self._per_class is None:
            return
        with self._lock:
            for label, position in download.positions.items():
                positions = self._positions.setdefault(label, {})
                positions[photo.sha256] = min(position, positions.get(photo.sha256, position))


def select_photos(
    results: Iterable[SearchResult], photos: Mapping[str, StoredPhoto], per_class: int | None
) -> Iterator[tuple[SearchResult, StoredPhoto]]:
    """Yield the first `per_class` different photos of a class, each with the first result that has it.

    Args:
        results: the candidates of the class.
        photos: the stored photo of each URL that has one.
        per_class: None: all photos.
    """
    taken: set[str] = set()
    for result in results:
        photo = photos.get(result.url)
        if photo is None or photo.sha256 in taken:
            continue
        if len(taken) == per_class:  # it depends on the threads whether later photos were fetched: they never count
            return
        taken.add(photo.sha256)
        yield result, photo


def photo_row(label: str, result: SearchResult, photo: StoredPhoto) -> PhotoRow:
    """Return the row of a photo that was downloaded from a search result."""
    url = normalize_url(result.url)  # not urllib's parser, which rejects some URLs that servers accept
    return PhotoRow.of(
        photo,
        label=label,
        name=unquote(PurePosixPath(url.path or "").name) or host_key(url),
        url=result.url,
        page=result.page,
        engine=result.search.engine,
        keyword=result.search.query or None,
        rank=result.rank,
        licence=result.licence,
        author=result.author,
    )
