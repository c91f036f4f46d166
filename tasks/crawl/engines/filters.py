"""Search filters: translate `crawl.filters` to an engine's own values, and refuse what the engine doesn't support."""

import datetime
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from configs.schema import SearchFilters
from tasks.store.errors import UserError

DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}

_MIN_SIZE = re.compile(r">=\s*(\d{1,5})\s*[x×]\s*(\d{1,5})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SupportedFilters:
    """The filters of an engine. Each mapping is from a value of `crawl.filters` to the engine's own value."""

    engine: str
    licence: Mapping[str, str] = field(default_factory=dict)
    size: Mapping[str, str] = field(default_factory=dict)
    colour: Mapping[str, str] = field(default_factory=dict)
    type: Mapping[str, str] = field(default_factory=dict)
    date: Mapping[str, str] = field(default_factory=dict)
    min_size: Callable[[int, int], str | None] | None = None
    """The engine's value for photos of at least this width and height in pixels; it returns None if there is none."""
    date_range: Callable[[datetime.date, datetime.date], str] | None = None
    """The engine's value for photos from the first to the last day, both included."""

    def translate(self, filters: SearchFilters) -> dict[str, str]:
        """Return the engine's own value of each filter that is set, by the filter's name.

        Raises:
            UserError: The engine doesn't support a filter or its value; the message lists what it supports.
        """
        return {name: self._translate(name, value) for name, value in filters if value is not None}

    def examples(self, name: str) -> list[str]:
        """Return all values of a filter, with one example each for sizes in pixels and date ranges."""
        values = list(getattr(self, name))
        if name == "size" and self.min_size:
            values.append(">=640x480")
        if name == "date" and self.date_range:
            values.append("2026-01-01..2026-06-30")
        return values

    def _translate(self, name: str, value: str) -> str:
        key = value.strip().lower()
        known: Mapping[str, str] = getattr(self, name)
        if key in known:
            return known[key]
        translated = None
        if name == "size" and self.min_size and (sides := _MIN_SIZE.fullmatch(key)):
            translated = self.min_size(int(sides[1]), int(sides[2]))
        if name == "date" and self.date_range and ".." in key:
            translated = self.date_range(*_parse_date_range(value))
        if translated is None:
            raise UserError(
                f"crawl.filters.{name}={value}: {self.engine} doesn't support it; it supports {self._describe(name)}; "
                f"change the filter, or remove {self.engine} from crawl.sources"
            )
        return translated

    def _describe(self, name: str) -> str:
        if values := self.examples(name):
            return f"{name}: {', '.join(values)}"
        return "; ".join(self._describe_all()) or "no filters"

    def _describe_all(self) -> Iterator[str]:
        for name in SearchFilters.model_fields:
            if values := self.examples(name):
                yield f"{name}: {', '.join(values)}"


def start_date(period: str) -> datetime.date:
    """Return the first day (UTC) of the last `day`, `week`, `month` or `year`."""
    return datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=DAYS[period])


def _parse_date_range(value: str) -> tuple[datetime.date, datetime.date]:
    try:
        first, last = (datetime.date.fromisoformat(day.strip()) for day in value.split(".."))
    except ValueError as error:
        raise UserError(f"crawl.filters.date={value} must be two days such as 2026-01-01..2026-06-30") from error
    if first > last:
        raise UserError(f"crawl.filters.date={value}: the last day is before the first; swap the days")
    return first, last
