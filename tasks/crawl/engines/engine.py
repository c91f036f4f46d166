"""The interface of a search engine: how a request is built, how a response is parsed, and where its keys come from.

A module of `tasks.crawl.sources` that sets `ENGINE` to an `Engine` is a search engine. The crawl does the rest: it
sends the requests, retries, follows the pages, falls back to the next engine, and reports the outcome.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from configs.schema import SearchFilters
from tasks.store.errors import UserError


@dataclass(frozen=True, slots=True)
class Request:
    """One GET request; `repr` shows no credentials."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Never logged or stored, so they may contain credentials."""
    secret: str = field(default="", repr=False)
    """More of the query string (`api_key=...`), which is sent, but never logged or stored."""


class Response(Protocol):
    """What an engine reads of a response, whatever its status; `tasks.crawl.http.client.FetchResult` is one."""

    @property
    def url(self) -> str:
        """The URL after all redirects."""
        ...

    @property
    def status(self) -> int:
        """HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers, with names in lower case."""
        ...

    @property
    def body(self) -> bytes:
        """Decompressed body."""
        ...


@dataclass(frozen=True, slots=True)
class Hit:
    """One photo on a page of results."""

    url: str
    """URL of the photo at its largest size, absolute or relative to the page."""
    page: str | None = None
    """URL of the page that shows the photo."""
    licence: str | None = None
    """Short name of the licence, such as `CC BY-SA 4.0`."""
    author: str | None = None
    size_px: tuple[int, int] | None = None
    """Width and height, as the engine says before the photo is downloaded; None if it doesn't say."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of results."""

    hits: Sequence[Hit]
    """Photos, the most relevant first."""
    next: Sequence[Request] = ()
    """Requests for the pages after this one; one or none for most engines."""


class EngineError(Exception):
    """An engine returned no results. The text is the reason, in a few words."""

    transient = False
    """Whether a later crawl may succeed; set if the status of the response says so."""


class BlockedError(EngineError):
    """The engine refused the request for now: too many requests, a captcha, a consent page."""

    def __init__(self, reason: str, *, retry_after_s: float | None = None) -> None:
        """Create the error.

        Args:
            reason: A few words.
            retry_after_s: Seconds after which the engine wants the same request again, if it says so in its text.
        """
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class QuotaError(BlockedError):
    """The engine answers no more requests for hours: it is not asked again in this crawl, nor by a retry of it."""


class FormatChangedError(EngineError):
    """The response has neither photos nor the engine's text for "no results": its format has changed."""


class PageLimitError(EngineError):
    """A response would cost too much time or memory: it is over a limit, which the text names."""


class MissingCredentialsError(UserError):
    """The environment has no credentials for an engine that needs them."""


class Engine(Protocol):
    """A search engine."""

    @property
    def name(self) -> str:
        """The name of the source."""
        ...

    @property
    def canary(self) -> str:
        """A query that always has results. If it returns none, the engine or its parser is broken. Empty: no check."""
        ...

    @property
    def is_api(self) -> bool:
        """Whether it is an API for programs, to which robots.txt doesn't apply."""
        ...

    def build_request(self, query: str, filters: SearchFilters) -> Request:
        """Build the request for the first page of results.

        Raises:
            UserError: The engine doesn't support a filter (the message lists those that it supports), or credentials
                are missing from the environment (the message names the variables and where to get them).
        """
        ...

    def parse(self, request: Request, response: Response) -> Page:
        """Parse the response to a request of this engine, whatever its status.

        Returns:
            The photos of the page; none if the engine says that there are no results.

        Raises:
            BlockedError: The engine refused the request.
            FormatChangedError: The response can't be parsed.
            UserError: The engine rejects the credentials.
        """
        ...


@runtime_checkable
class TokenEngine(Protocol):
    """An engine that exchanges the user's credentials for a token, which each of its requests then has in a header."""

    @property
    def name(self) -> str:
        """The name of the source."""
        ...

    def token_request(self) -> Request | None:
        """Build the POST request for a token, whose form is the request's `secret`; None without credentials."""
        ...

    def parse_token(self, response: Response) -> tuple[str, float]:
        """Parse the response to it.

        Returns:
            The token, and the seconds until it expires.

        Raises:
            EngineError: There is no token.
            UserError: The engine rejects the credentials.
        """
        ...


def find_credentials(variables: Sequence[str]) -> tuple[str, ...] | None:
    """Return the values of environment variables; None if one is missing or empty.

    Credentials come from the environment only, so that no config, log or artifact contains them.
    """
    values = tuple(os.environ.get(variable, "").strip() for variable in variables)
    return values if all(values) else None


def optional_credentials(engine: str, variables: Sequence[str], website: str) -> tuple[str, ...] | None:
    """Return the values of environment variables; None if none is set, for an engine that also works without.

    Raises:
        UserError: Some are set, and others are missing or empty.
    """
    if any(find_credentials([variable]) for variable in variables):
        return require_credentials(engine, variables, website)
    return None


def require_credentials(engine: str, variables: Sequence[str], website: str) -> tuple[str, ...]:
    """Return the values of environment variables; raise MissingCredentialsError if one is missing or empty.

    Args:
        engine: Name for the message.
        variables: Names of the environment variables.
        website: Where to get the credentials, for the message.
    """
    values = find_credentials(variables)
    if values is None:
        raise MissingCredentialsError(
            f"{engine} needs {' and '.join(variables)} in the environment (from {website}), or in Prefect Secret blocks"
        )
    return values


def rejected_credentials(engine: str, variables: Sequence[str], reason: str) -> UserError:
    """Return the error to raise if an engine rejects the credentials."""
    return UserError(
        f"{engine} rejects the credentials in {' and '.join(variables)} ({reason}); correct these environment variables"
    )
