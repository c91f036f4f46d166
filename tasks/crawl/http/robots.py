"""What a site's owner allows: robots.txt (RFC 9309) and the header X-Robots-Tag; and by what name we ask."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from importlib.metadata import PackageNotFoundError, version
from threading import Lock

from protego import Protego
from urllib3.util import Url

from tasks.crawl.http.errors import FetchError, StoppedError
from tasks.crawl.http.rate_limit import Pace
from tasks.crawl.http.urls import host_of

PRODUCT = "fluke"
"""What robots.txt calls us."""
MAX_BYTES = 500_000
_NO_AI = {"noai", "noimageai"}
_WITH_VALUE = {"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"}


class Robots:
    """The rules of each scheme, host and port, asked for once."""

    def __init__(self, fetch: Callable[[str], tuple[int, bytes]], pace: Pace) -> None:
        """fetch: status and body of a URL; raises FetchError. A Crawl-delay goes to the pace."""
        self._fetch, self._pace = fetch, pace
        self._lock = Lock()
        self._rules: dict[str, Future[Protego | FetchError]] = {}

    def check(self, url: Url) -> None:
        """Raise FetchError if the URL may not be asked; whoever comes while the rules are on their way waits."""
        origin = f"{url.scheme}://{url.netloc}"
        with self._lock:
            rules = self._rules.get(origin)
            first = rules is None
            if rules is None:
                rules = self._rules[origin] = Future()
        if first:
            try:
                rules.set_result(self._read(origin, url))
            except BaseException as error:
                rules.set_exception(error)
                raise
        found = rules.result()
        if isinstance(found, FetchError):
            raise FetchError(str(found), status=found.status, passing=True)
        if not found.can_fetch(url.url, PRODUCT):
            raise FetchError("robots.txt")

    def _read(self, origin: str, url: Url) -> Protego | FetchError:
        try:
            status, body = self._fetch(f"{origin}/robots.txt")
        except StoppedError:
            raise
        except FetchError as failure:
            if failure.passing:
                return FetchError(f"robots.txt: {failure}", status=failure.status)
            return Protego.parse("")  # no file to be had, such as redirects without end: RFC 9309 2.3.1.3
        if status == 429 or status >= 500:
            return FetchError(f"robots.txt: HTTP {status}", status=status)
        rules = Protego.parse(body.decode("utf-8-sig", "replace") if status == 200 else "")
        if delay_s := rules.crawl_delay(PRODUCT):
            self._pace.space(host_of(url), delay_s)
        return rules


def forbids_ai(headers: Iterable[str]) -> bool:
    """Whether values of X-Robots-Tag keep us, or everybody, from using the answer for machine learning.

    A value is a list of rules, some behind the name of the robot for which they and those after them are meant.
    """
    for header in headers:
        ours = True
        for part in header.lower().split(","):
            name, colon, rest = (piece.strip() for piece in part.partition(":"))
            if colon and name not in _WITH_VALUE:
                ours = name in (PRODUCT, "*")
                name = rest
            if ours and name in _NO_AI:
                return True
    return False


def user_agent(contact: str | None = None) -> str:
    """How fluke introduces itself."""
    try:
        name = f"{PRODUCT}/{version('fluke')}"
    except PackageNotFoundError:  # run from a checkout that isn't installed
        name = PRODUCT
    return f"{name} (+{contact})" if contact else name
