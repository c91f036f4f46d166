"""What a source brings in: a row for each photo at each place where it was found."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tasks.support.errors import UserError


@dataclass(frozen=True, slots=True)
class Row:
    """One photo, under one class, at one place."""

    photo: str
    """SHA-256 (64 hex digits) of its bytes."""
    file: str
    """Where it is, below the folder of the photos."""
    label: str
    """Its class."""
    name: str
    """Its name at the source: path in the folder, the CSV's Image, last part of the URL's path."""
    url: str | None
    engine: str
    """The source's name."""
    keyword: str | None
    """What was searched for."""
    rank: int
    """Its place among its class's or its keyword's photos, from 1."""
    licence: str | None
    bytes: int
    fetched_at: datetime


@dataclass(frozen=True)
class Harvest:
    """All rows of a crawl, and counts that only the source knows."""

    rows: list[Row]
    counts: dict[str, int]


def require_two_classes(labels: Iterable[str], where: str, remedy: str) -> None:
    """Raise UserError if there are fewer than two different classes."""
    found = sorted(set(labels))
    if len(found) < 2:
        what = f"holds one class only, {found[0]!r}" if found else "holds no photos"
        raise UserError(f"{where} {what}, and a classifier needs two; {remedy}")
