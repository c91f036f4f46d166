"""One GET over HTTP: patient with servers that stumble, firm with those that never end, and stopped at once."""

import math
import time
from importlib.metadata import PackageNotFoundError, version
from threading import Event
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests

MAX_BYTES = 50_000_000
_CHUNK_BYTES = 1 << 16
_LONGEST = 20
"""One download may take so many time-outs altogether, however steadily it drips."""
_LONGEST_PAUSE_S = 30.0
_GRACE_S = 1.0
"""What is under way when the crawl is stopped may still come in for so long."""


class FetchError(Exception):
    """A URL that couldn't be fetched; the text is the reason, in a few words."""


class _PassingError(FetchError):
    """A failure that another try may mend."""

    def __init__(self, reason: str, pause_s: float = 0) -> None:
        super().__init__(reason)
        self.pause_s = pause_s


class Web:
    """Fetches URLs through a session, from several threads at once, until it is stopped."""

    def __init__(
        self,
        session: "requests.Session",
        *,
        timeout_s: float,
        retries: int,
        pause_s: float = 0.5,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """Take the knobs of the crawl; `pause_s` is doubled after each failed try."""
        self._session = session
        self._timeout_s = timeout_s
        self._retries = retries
        self._pause_s = pause_s
        self._max_bytes = max_bytes
        self._stopped = Event()
        self._end = math.inf

    @property
    def stopped(self) -> bool:
        """Whether nothing is to be fetched any more."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Let no `get` wait any more, and those under way end soon, one way or the other."""
        self._end = time.monotonic() + _GRACE_S
        self._stopped.set()

    def get(self, url: str) -> bytes:
        """The body of an answer with status 200.

        Tried again after a broken connection, silence, or status 429 or 5xx, with growing pauses (those that
        Retry-After asks for, up to half a minute). Raises FetchError with the reason.
        """
        for attempt in range(self._retries + 1):
            try:
                return self._try(url)
            except _PassingError as failure:
                last = attempt == self._retries
                if last or self._stopped.wait(max(failure.pause_s, self._pause_s * 2**attempt)):
                    raise
        raise AssertionError("unreachable")

    def _try(self, url: str) -> bytes:
        import requests
        from urllib3.exceptions import HTTPError

        try:
            with self._session.get(url, timeout=self._timeout_s, stream=True) as response:
                status = response.status_code
                if status == 429 or status >= 500:
                    raise _PassingError(f"HTTP {status}", _asked_pause_s(response.headers.get("Retry-After", "")))
                if status != 200:
                    raise FetchError(f"HTTP {status}")
                return self._body(response)
        except requests.Timeout as error:
            raise _PassingError("no answer in time") from error
        except requests.ConnectionError as error:
            raise _PassingError("no connection") from error
        except (requests.RequestException, ValueError) as error:  # a malformed URL, redirections without end
            raise FetchError(_words(error)) from error
        except (HTTPError, OSError) as error:
            raise _PassingError("broken off") from error

    def _body(self, response: "requests.Response") -> bytes:
        """Read in pieces as they come, so that neither size nor slowness is without a bound."""
        end = time.monotonic() + _LONGEST * self._timeout_s
        body = bytearray()
        while piece := response.raw.read1(_CHUNK_BYTES, decode_content=True):
            body += piece
            if len(body) > self._max_bytes:
                raise FetchError(f"more than {self._max_bytes / 1e6:g} MB")
            if time.monotonic() > min(end, self._end):
                raise FetchError("too slow")
        return bytes(body)


def _asked_pause_s(retry_after: str) -> float:
    """Seconds that a server asks for; dates and nonsense count as no wish."""
    return min(float(retry_after), _LONGEST_PAUSE_S) if retry_after.isdecimal() else 0


def _words(error: Exception) -> str:
    """`TooManyRedirects` as "too many redirects"."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in type(error).__name__).strip()


def user_agent() -> str:
    """How fluke introduces itself."""
    try:
        return f"fluke/{version('fluke')}"
    except PackageNotFoundError:  # run from a checkout that isn't installed
        return "fluke"
