"""What a crawl over HTTP looks for, finds and keeps: the bookkeeping, without the net and without threads."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from tasks.support.harvest import Row
from tasks.support.ledger import Photo


@dataclass(frozen=True)
class Lead:
    """A URL that an engine gave for a class."""

    url: str
    label: str
    keyword: str
    rank: int
    licence: str | None


@dataclass(kw_only=True)
class Task:
    """What a pool has to do, and what came of it."""

    failure: str | None = None
    """Why the net didn't give it, or None."""
    error: Exception | None = None
    """What went wrong on our side: it ends the crawl."""


@dataclass
class Search(Task):
    """One keyword of a class."""

    label: str
    keyword: str
    leads: list[Lead] = field(default_factory=list)


@dataclass
class Download(Task):
    """One URL with its place in the order of each class that it was found for."""

    url: str
    places: dict[str, int]
    photo: Photo | None = None
    fetched: bool = False
    """Whether it came over the net, not from the ledger."""


def orders(searches: Iterable[Search]) -> dict[str, list[Lead]]:
    """Per class, each URL once, by rank and then in the order of the keywords."""
    found: dict[str, dict[str, Lead]] = {}
    for lead in sorted((lead for search in searches for lead in search.leads), key=lambda lead: lead.rank):
        found.setdefault(lead.label, {}).setdefault(lead.url, lead)
    return {label: list(leads.values()) for label, leads in found.items()}


def downloads_of(searches: Iterable[Search]) -> list[Download]:
    """Each URL once, the first of every class before the second of any."""
    downloads: dict[str, Download] = {}
    for label, leads in orders(searches).items():
        for place, lead in enumerate(leads):
            downloads.setdefault(lead.url, Download(lead.url, {})).places[label] = place
    return sorted(downloads.values(), key=lambda download: min(download.places.values()))


def kept(
    leads: Iterable[Lead], photos: Mapping[str, Photo | None], per_class: int | None
) -> Iterator[tuple[Lead, Photo]]:
    """The leads of a class up to its `per_class`-th different photo, with those photos."""
    taken: set[str] = set()
    for lead in leads:
        photo = photos[lead.url]
        if photo is None:
            continue
        yield lead, photo
        taken.add(photo.sha256)
        if len(taken) == per_class:  # what comes after may or may not have been fetched: it never counts
            return


def row_of(lead: Lead, photo: Photo, engine: str) -> Row:
    """The row of a lead that was followed."""
    parts = urlsplit(lead.url)
    return Row(
        photo=photo.sha256,
        file=photo.file,
        label=lead.label,
        name=unquote(PurePosixPath(parts.path).name) or parts.netloc,
        url=lead.url,
        engine=engine,
        keyword=lead.keyword,
        rank=lead.rank,
        licence=lead.licence,
        bytes=photo.bytes,
        fetched_at=photo.fetched_at,
    )
