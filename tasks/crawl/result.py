"""The result of a crawl: a row for each photo of a class, and statistics of the searches."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from tasks.crawl.ledger.ledger import StoredPhoto
from tasks.crawl.stats import CrawlStats
from tasks.store.errors import UserError


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoRow:
    """A row of `photos.parquet`: one photo of one class."""

    photo: str
    """SHA-256 (64 hex digits) of its bytes."""
    file: str
    """Path below the folder of the photos."""
    label: str
    """Its class."""
    group: str | None = None
    """Photos of one group (a burst, an encounter) are related, as the source says."""
    given_split: str | None = None
    """train, val or test, if the source says so."""
    name: str
    """Its name at the source: the path in the folder, the column Image, or the last part of the URL's path."""
    url: str | None = None
    page: str | None = None
    """URL of the page that shows the photo."""
    engine: str
    """The source's name."""
    keyword: str | None = None
    """The query that found it."""
    rank: int
    """Its position among the photos of its class or of its query, from 1."""
    licence: str | None = None
    author: str | None = None
    width_px: int | None
    height_px: int | None
    bytes: int
    fetched_at: datetime
    status: int | None
    """HTTP status of the download."""
    etag: str | None

    @classmethod
    def of(
        cls,
        photo: StoredPhoto,
        *,
        label: str,
        name: str,
        engine: str,
        rank: int,
        group: str | None = None,
        given_split: str | None = None,
        url: str | None = None,
        page: str | None = None,
        keyword: str | None = None,
        licence: str | None = None,
        author: str | None = None,
    ) -> Self:
        """Create the row of a stored photo."""
        return cls(
            photo=photo.sha256,
            file=photo.file,
            label=label,
            group=group,
            given_split=given_split,
            name=name,
            url=url,
            page=page,
            engine=engine,
            keyword=keyword,
            rank=rank,
            licence=licence,
            author=author,
            width_px=photo.width_px,
            height_px=photo.height_px,
            bytes=photo.bytes,
            fetched_at=photo.fetched_at,
            status=photo.status,
            etag=photo.etag,
        )


@dataclass(frozen=True)
class CrawlResult:
    """All rows of a crawl, the source's own counts for the manifest, and statistics if URLs were fetched."""

    rows: list[PhotoRow]
    counts: dict[str, int]
    stats: CrawlStats | None = None
    times: Mapping[str, str] = field(default_factory=dict)
    """When photos were taken, by SHA-256, see `tasks.crawl.listing.taken_at`; empty if the source doesn't say it."""


def require_two_classes(labels: Iterable[str], where: str, remedy: str, *, of: str = "photos") -> None:
    """Raise UserError if there are fewer than two different classes.

    Args:
        labels: the class of each item.
        where: the file, folder or setting, for the message.
        remedy: what the user can do, for the message.
        of: what the items are, for the message.
    """
    found = sorted(set(labels))
    if not found:
        raise UserError(f"{where} contains no {of}; {remedy}")
    if len(found) < 2:
        raise UserError(f"{where} contains only one class, {found[0]!r}, but a classifier needs two; {remedy}")
