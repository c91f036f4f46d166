"""Access tokens of engines that exchange the user's credentials for one (OAuth 2.0, RFC 6749 4.4)."""

import time
from collections.abc import Callable, Mapping
from threading import Lock

from tasks.crawl.engines.engine import Engine, TokenEngine
from tasks.crawl.http.client import Client

_MARGIN_S = 60
"""A token is renewed so many seconds before it expires."""


class AccessTokens:
    """The tokens of one crawl, requested when they are needed; thread-safe. They are only in memory."""

    def __init__(self, client: Client, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._clock = client, clock
        self._lock = Lock()
        self._headers: dict[str, Mapping[str, str]] = {}
        self._ends: dict[str, float] = {}

    def headers(self, engine: Engine) -> Mapping[str, str]:
        """Return the headers to add to each request of an engine; none for an engine without tokens.

        Raises:
            FetchError, EngineError: The token can't be had now.
            UserError: The engine rejects the credentials.
        """
        if not isinstance(engine, TokenEngine):
            return {}
        with self._lock:  # the other threads wait for the one that requests the token
            if self._ends.get(engine.name, 0) > self._clock():
                return self._headers[engine.name]
            request = engine.token_request()
            if request is None:
                return {}
            response = self._client.fetch_page(request.url, request.headers, form=request.secret, is_api=True)
            token, lifetime_s = engine.parse_token(response)
            self._headers[engine.name] = {"Authorization": f"Bearer {token}"}
            self._ends[engine.name] = self._clock() + lifetime_s - _MARGIN_S
            return self._headers[engine.name]

    def discard(self, engine: Engine, headers: Mapping[str, str]) -> bool:
        """Forget a token that the engine no longer accepts; return whether there was one, so that trying again helps.

        Args:
            engine: The engine.
            headers: The headers with the token, as returned by `headers`.
        """
        with self._lock:
            if headers and self._headers.get(engine.name) == headers:
                self._ends[engine.name] = 0
        return bool(headers)
