"""Filters of a search: what an engine offers, and the refusal of what it doesn't.

An engine says with one `Offer` how each word of `crawl.filters` is written in its own query, and the rest follows: the
translation, and a refusal that names what there is.
"""

import datetime
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from configs.schema import SearchFilters
from tasks.store.errors import UserError

DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}

_LEAST = re.compile(r">=\s*(\d{1,5})\s*[x×]\s*(\d{1,5})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Offer:
    """What an engine filters by. Each mapping is from the words of `crawl.filters` to the engine's own."""

    engine: str
    licence: Mapping[str, str] = field(default_factory=dict)
    size: Mapping[str, str] = field(default_factory=dict)
    colour: Mapping[str, str] = field(default_factory=dict)
    type: Mapping[str, str] = field(default_factory=dict)
    date: Mapping[str, str] = field(default_factory=dict)
    least: Callable[[int, int], str | None] | None = None
    """The engine's words for photos of at least that width and height in pixels; None from it: it can't say that."""
    between: Callable[[datetime.date, datetime.date], str] | None = None
    """The engine's words for photos from one day to another, both included."""

    def words(self, filters: SearchFilters) -> dict[str, str]:
        """The engine's own words for each filter that is set, by the filter's name.

        Raises UserError, naming what it does offer, for a filter or value that the engine doesn't have.
        """
        return {name: self._word(name, value) for name, value in filters if value is not None}

    def values(self, name: str) -> list[str]:
        """What a filter may be set to, for reading."""
        values = list(getattr(self, name))
        if name == "size" and self.least:
            values.append(">=640x480")
        if name == "date" and self.between:
            values.append("2026-01-01..2026-06-30")
        return values

    def _word(self, name: str, value: str) -> str:
        asked = value.strip().lower()
        known: Mapping[str, str] = getattr(self, name)
        if asked in known:
            return known[asked]
        word = None
        if name == "size" and self.least and (sides := _LEAST.fullmatch(asked)):
            word = self.least(int(sides[1]), int(sides[2]))
        if name == "date" and self.between and ".." in asked:
            word = self.between(*_period(value))
        if word is None:
            raise UserError(
                f"crawl.filters.{name}={value}: {self.engine} doesn't offer that; it offers {self._said(name)}; "
                f"change the filter, or take {self.engine} out of crawl.sources"
            )
        return word

    def _said(self, name: str) -> str:
        if values := self.values(name):
            return f"{name}: {', '.join(values)}"
        return "; ".join(self._all()) or "no filter at all"

    def _all(self) -> Iterator[str]:
        for name in SearchFilters.model_fields:
            if values := self.values(name):
                yield f"{name}: {', '.join(values)}"


def since(word: str) -> datetime.date:
    """The first day of the last `day`, `week`, `month` or `year`, in UTC."""
    return datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=DAYS[word])


def _period(value: str) -> tuple[datetime.date, datetime.date]:
    try:
        first, last = (datetime.date.fromisoformat(day.strip()) for day in value.split(".."))
    except ValueError as error:
        raise UserError(f"crawl.filters.date={value} must be two days such as 2026-01-01..2026-06-30") from error
    if first > last:
        raise UserError(f"crawl.filters.date={value} ends before it begins; swap the days")
    return first, last
