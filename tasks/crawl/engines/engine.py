"""A search engine, as the crawl sees it: how it is asked, and how its answers are read. Neither touches the net.

A module of `tasks.crawl.sources` that sets `ENGINE` to one of these is a search engine; the crawl does the rest: it
fetches, retries, follows the pages, falls back to the next engine, and says what came of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from configs.schema import SearchFilters


@dataclass(frozen=True, slots=True)
class Request:
    """One GET."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """Never logged nor stored, so credentials may be among them."""
    secret: str = ""
    """More of the query string, `api_key=...`: sent, but never logged nor stored."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered; search engines' errors come in here too."""

    url: str
    """Where it came from in the end, after redirects."""
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Hit:
    """One photo on a page of results."""

    url: str
    """Of the photo at its largest, absolute or relative to the page."""
    page: str | None = None
    """The page that shows it."""
    licence: str | None = None
    """As short as it is unambiguous: `CC BY-SA 4.0`."""
    author: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of results."""

    hits: Sequence[Hit]
    """The best first."""
    next: Sequence[Request] = ()
    """What to ask after this; most engines have one next page, or none."""


class EngineError(Exception):
    """An engine that gave no results; the text is the reason, in a few words."""


class RefusedError(EngineError):
    """It doesn't want to, for now: too many requests, a captcha, a consent page."""


class ChangedError(EngineError):
    """Its answer has neither photos nor the words for "no results": its format is not what it was."""


class Engine(Protocol):
    """How one engine is asked, and how its answers are read."""

    @property
    def name(self) -> str:
        """The source's name, for the rows."""
        ...

    @property
    def canary(self) -> str:
        """A query that surely has results: if even this brings none, it is the engine or our parser that is broken."""
        ...

    @property
    def official(self) -> bool:
        """Whether it is an API made for programs: robots.txt, which is about pages, doesn't apply to it."""
        ...

    def first(self, query: str, filters: SearchFilters) -> Request:
        """The request for the first page of results.

        Raises UserError if a filter is one that it doesn't offer (naming those that it does), or if credentials are
        missing from the environment (naming the variables and where one gets them).
        """
        ...

    def read(self, request: Request, answer: Answer) -> Page:
        """The photos of an answer to that request, whatever its status; no hits if the engine says that there are none.

        Raises RefusedError or ChangedError; UserError if it says that the credentials are wrong.
        """
        ...
