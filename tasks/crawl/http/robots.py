"""The rules of a site's owner: robots.txt (RFC 9309) and the header X-Robots-Tag; and our own User-Agent."""

import re
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from importlib.metadata import PackageNotFoundError, version
from threading import Lock

from protego import Protego
from urllib3.util import Url

from tasks.crawl.http.errors import FetchCancelledError, FetchError
from tasks.crawl.http.rate_limit import RateLimiter
from tasks.crawl.http.urls import host_key

PRODUCT = "fluke"
"""Our name in robots.txt and in the User-Agent header."""
MAX_BYTES = 500_000
"""Size up to which a robots.txt is read."""
MAX_WILDCARD_RULES = 5_000
"""Rules with a * that may apply to us: each is compared with each URL. The host isn't asked if there are more."""
_USER_AGENT = re.compile(r"\s*user(?:-|\s*)agent\b[\s:]*([^#]*)", re.IGNORECASE)
_ANOTHER = "User-agent: another"
_NO_AI = {"noai", "noimageai"}
_DIRECTIVES_WITH_VALUE = {"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"}


class RobotsTxt:
    """robots.txt of each scheme, host and port; each file is fetched once. Thread-safe."""

    def __init__(self, fetch: Callable[[str], tuple[int, bytes]], rate_limiter: RateLimiter) -> None:
        """Create an empty cache.

        Args:
            fetch: Returns status and body of a URL, or raises FetchError.
            rate_limiter: Receives the Crawl-delay of each host.
        """
        self._fetch, self._rate_limiter = fetch, rate_limiter
        self._lock = Lock()
        self._rules: dict[str, Future[Protego | FetchError]] = {}

    def check(self, url: Url) -> None:
        """Raise FetchError if robots.txt forbids the URL; wait if another thread is fetching the file."""
        origin = f"{url.scheme}://{url.netloc}"
        with self._lock:
            future = self._rules.get(origin)
            is_first = future is None
            if future is None:
                future = self._rules[origin] = Future()
        if is_first:
            try:
                future.set_result(self._load(origin, url))
            except BaseException as error:
                future.set_exception(error)
                raise
        rules = future.result()
        if isinstance(rules, FetchError):
            raise FetchError(str(rules), status=rules.status, transient=rules.transient)
        if not rules.can_fetch(url.url, PRODUCT):
            raise FetchError("robots.txt")

    def _load(self, origin: str, url: Url) -> Protego | FetchError:
        try:
            status, body = self._fetch(f"{origin}/robots.txt")
        except FetchCancelledError:
            raise
        except FetchError as failure:
            if failure.transient:
                return FetchError(f"robots.txt: {failure}", status=failure.status, transient=True)
            return Protego.parse("")  # unavailable, e.g. a redirect loop: everything is allowed (RFC 9309 2.3.1.3)
        if status == 429 or status >= 500:
            return FetchError(f"robots.txt: HTTP {status}", status=status, transient=True)
        text = for_us(body.decode("utf-8-sig", "replace")) if status == 200 else ""
        if sum("*" in line.partition(":")[2] for line in text.splitlines()) > MAX_WILDCARD_RULES:
            return FetchError("robots.txt: too many rules")
        rules = Protego.parse(text)
        if delay_s := rules.crawl_delay(PRODUCT):
            self._rate_limiter.set_delay(host_key(url), delay_s)
        return rules


def for_us(text: str) -> str:
    """Return a robots.txt in which all robots but us and `*` have one name.

    A group with thousands of names costs Protego so many copies of its rules.
    """
    lines = []
    for line in text.splitlines():
        named = _USER_AGENT.match(line)
        if named is None:
            lines.append(line)
        elif named[1].replace("*", "").strip().lower() in PRODUCT:
            lines.append(f"User-agent: {named[1]}")
        elif lines[-1:] != [_ANOTHER]:
            lines.append(_ANOTHER)
    return "\n".join(lines)


def forbids_ai(headers: Iterable[str]) -> bool:
    """Return whether X-Robots-Tag forbids us, or everybody, to use the response for machine learning.

    Args:
        headers: Values of the header. Each is a list of directives; a robot's name before a directive limits it, and
            those after it, to that robot.
    """
    for header in headers:
        is_for_us = True
        for part in header.lower().split(","):
            name, colon, rest = (piece.strip() for piece in part.partition(":"))
            if colon and name not in _DIRECTIVES_WITH_VALUE:
                is_for_us = name in (PRODUCT, "*")
                name = rest
            if is_for_us and name in _NO_AI:
                return True
    return False


def user_agent(contact: str | None = None) -> str:
    """Return our User-Agent header, with the contact URL or e-mail address if there is one."""
    try:
        name = f"{PRODUCT}/{version('fluke')}"
    except PackageNotFoundError:  # run from a checkout that isn't installed
        name = PRODUCT
    return f"{name} (+{contact})" if contact else name
