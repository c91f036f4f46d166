"""What a source brings in: a row for each photo of a class, and what came of each search."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self

from tasks.store.errors import UserError

if TYPE_CHECKING:
    from tasks.crawl.ledger.ledger import Photo
    from tasks.crawl.stats import Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One photo, under one class."""

    photo: str
    """SHA-256 (64 hex digits) of its bytes."""
    file: str
    """Where it is, below the folder of the photos."""
    label: str
    """Its class."""
    group: str | None = None
    """What the source says that it belongs with: a burst, an encounter."""
    name: str
    """Its name at the source: path in the folder, the CSV's Image, last part of the URL's path."""
    url: str | None = None
    page: str | None = None
    """The page that shows it."""
    engine: str
    """The source's name."""
    keyword: str | None = None
    """What was searched for."""
    rank: int
    """Its place among its class's or its keyword's photos, from 1."""
    licence: str | None = None
    author: str | None = None
    width_px: int | None
    height_px: int | None
    bytes: int
    fetched_at: datetime
    status: int | None
    """Of the HTTP answer that brought it."""
    etag: str | None

    @classmethod
    def of(
        cls,
        photo: "Photo",
        *,
        label: str,
        name: str,
        engine: str,
        rank: int,
        group: str | None = None,
        url: str | None = None,
        page: str | None = None,
        keyword: str | None = None,
        licence: str | None = None,
        author: str | None = None,
    ) -> Self:
        """The row of a stored photo."""
        return cls(
            photo=photo.sha256,
            file=photo.file,
            label=label,
            group=group,
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
class Harvest:
    """All rows of a crawl, counts that only the source knows, and its searches, if it made any."""

    rows: list[Row]
    counts: dict[str, int]
    tally: "Tally | None" = None


def require_two_classes(labels: Iterable[str], where: str, remedy: str, *, of: str = "photos") -> None:
    """Raise UserError if there are fewer than two different classes; `of` says of what."""
    found = sorted(set(labels))
    if len(found) < 2:
        what = f"holds one class only, {found[0]!r}" if found else f"holds no {of}"
        raise UserError(f"{where} {what}, and a classifier needs two; {remedy}")
