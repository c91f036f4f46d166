"""A search engine, as the crawler needs to know it: all that a source of photos on the net has to define."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Hit:
    """One photo on a page of results."""

    url: str
    """Absolute, or relative to the page."""
    licence: str | None = None


class Engine(Protocol):
    """How an engine is asked, and how its answers are read; neither touches the net."""

    @property
    def name(self) -> str:
        """The source's name, for the rows."""
        ...

    def page_url(self, keyword: str, page: int) -> str:
        """URL of a page of results, pages from 0; quote the keyword, e.g. with `urllib.parse.urlencode`."""
        ...

    def parse(self, body: bytes) -> Sequence[Hit]:
        """The photos on a page, the best first; none ends the search."""
        ...
