"""Which of the URLs that were found are fetched, and which photos are kept: without the net and without threads."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from threading import Lock
from urllib.parse import unquote

from configs.schema import SearchFilters
from tasks.crawl.http.urls import host_key, normalize_url
from tasks.crawl.ledger.ledger import Photo
from tasks.crawl.ledger.results import Find, Search
from tasks.crawl.result import Row

Orders = Mapping[str, Sequence[Find]]
"""Per class: each URL once, the one that is wanted most first."""


@dataclass(kw_only=True)
class Task:
    """What a pool has to do, and what came of it."""

    failure: str | None = None
    """Why the net didn't give it, or None."""
    error: Exception | None = None
    """What went wrong on our side: it ends the crawl."""


@dataclass
class Query(Task):
    """One search for one class, and what it brought tonight."""

    label: str
    search: Search
    filters: SearchFilters = field(default_factory=SearchFilters)
    most: int | None = None
    """New URLs that are enough."""
    pages: int = 0
    urls: dict[str, None] = field(default_factory=dict)
    """What it found tonight, in order."""
    new: int = 0
    """How many of them no earlier crawl had found; of a search that isn't remembered, all."""
    is_doubtful: bool = True
    """Whether finding nothing may mean that the engine's answers aren't understood any more."""


@dataclass
class Download(Task):
    """One URL with its place in the order of each class that it was found for."""

    url: str
    places: dict[str, int]
    photo: Photo | None = None
    fetched: bool = False
    """Whether it came over the net, not from the ledger."""


def ordered(finds: Iterable[tuple[int, Find]]) -> list[Find]:
    """A class's finds, each URL once: older nights first, then by precedence (of its search), then by rank.

    What was kept on one night so keeps its place on all that follow.
    """
    found: dict[str, Find] = {}
    for _, find in sorted(finds, key=lambda item: (item[1].night, item[0], item[1].rank)):
        found.setdefault(find.url, find)
    return list(found.values())


def downloads_of(orders: Orders) -> list[Download]:
    """Each URL once, the first of every class before the second of any."""
    downloads: dict[str, Download] = {}
    for label, finds in orders.items():
        for place, find in enumerate(finds):
            downloads.setdefault(find.url, Download(find.url, {})).places[label] = place
    return sorted(downloads.values(), key=lambda download: min(download.places.values()))


class Quota:
    """Tells which photos are still needed; may be asked from several threads.

    A class needs a photo as long as it has too few *before* it in its order: what is kept never depends on who was
    first.
    """

    def __init__(self, per_class: int | None) -> None:
        self._per_class = per_class
        self._places: dict[str, dict[str, int]] = {}
        """Per class: each photo that it has, with its first place in the class's order."""
        self._lock = Lock()

    def needs(self, download: Download) -> bool:
        """Whether any class does."""
        if self._per_class is None:
            return True
        with self._lock:
            return any(
                sum(other < place for other in self._places.get(label, {}).values()) < self._per_class
                for label, place in download.places.items()
            )

    def take(self, download: Download, photo: Photo) -> None:
        """Note that a photo is there."""
        if self._per_class is None:
            return
        with self._lock:
            for label, place in download.places.items():
                places = self._places.setdefault(label, {})
                places[photo.sha256] = min(place, places.get(photo.sha256, place))


def kept(finds: Iterable[Find], photos: Mapping[str, Photo], per_class: int | None) -> Iterator[tuple[Find, Photo]]:
    """The first `per_class` different photos of a class, each with the find that brought it first."""
    taken: set[str] = set()
    for find in finds:
        photo = photos.get(find.url)
        if photo is None or photo.sha256 in taken:
            continue
        if len(taken) == per_class:  # what comes after may or may not have been fetched: it never counts
            return
        taken.add(photo.sha256)
        yield find, photo


def row_of(label: str, find: Find, photo: Photo) -> Row:
    """The row of a find that was followed."""
    url = normalize_url(find.url)  # not urllib's, which refuses some URLs that can be asked
    return Row.of(
        photo,
        label=label,
        name=unquote(PurePosixPath(url.path or "").name) or host_key(url),
        url=find.url,
        page=find.page,
        engine=find.search.engine,
        keyword=find.search.query or None,
        rank=find.rank,
        licence=find.licence,
        author=find.author,
    )
