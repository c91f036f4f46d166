"""GET over HTTP: patient with servers that stumble, firm with those that never end, and stopped at once."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from threading import Lock
from types import TracebackType
from typing import Any, Self

from urllib3.util import Retry, Url

from configs.schema import CrawlConfig
from tasks.crawl.engines.engine import Answer, Request
from tasks.crawl.http import body
from tasks.crawl.http.cancel import Stop
from tasks.crawl.http.connections import Connections
from tasks.crawl.http.errors import FetchError
from tasks.crawl.http.pools import Pools
from tasks.crawl.http.rate_limit import Pace, asked_pause_s
from tasks.crawl.http.robots import MAX_BYTES as MAX_ROBOTS_BYTES
from tasks.crawl.http.robots import Robots, forbids_ai, user_agent
from tasks.crawl.http.urls import host_of, is_among, parsed, port_of, target_of, without

_MAX_PAGE_BYTES = 10_000_000
_MOST_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}
_NOT_NOW = {408, 425, 429}
_NO_RETRIES = Retry(False, redirect=False)
_BARE: Any = {"redirect": False, "assert_same_host": False, "preload_content": False}
_WORTH_ANOTHER_TRY = {"no answer in time", "no connection", "broken off", "wrong length"}


@dataclass(frozen=True, slots=True)
class _Errand:
    """What is asked for, and on which terms."""

    url: str
    headers: Mapping[str, str]
    """Our name is not among them."""
    most_bytes: int
    cut: bool = False
    """Of a body that is too large, its beginning will do."""
    robots: bool = False
    """Whether robots.txt and noai count."""
    only_ok: bool = False
    """Whether nothing but status 200 will do."""
    secret: str = ""


class Client:
    """Fetches for all threads, until it is stopped, out of time, or out of bytes."""

    def __init__(self, config: CrawlConfig, *, allowed: Collection[str] = (), pause_s: float = 0.5) -> None:
        """The crawl's time starts now.

        allowed: `host` or `host:port` that may be private and is asked without pauses and without its robots.txt.
        pause_s: before the first retry; doubled for each further one.
        """
        self.requests = 0
        self.bytes = 0
        self.pace = Pace(config.requests_per_s)
        self._config, self._pause_s = config, pause_s
        self._allowed = frozenset(host.lower() for host in allowed)
        self._private = self._allowed.union(host.lower() for host in config.private_hosts)
        self._name = {"User-Agent": user_agent(config.contact)}
        self._lock = Lock()
        self._robots = Robots(self._robots_txt, self.pace)
        connections = Connections(
            timeout_s=config.timeout_s,
            may_be_private=lambda host, port: is_among(self._private, host, port),
        )
        keep = max(config.threads, config.connections_per_host)
        self._pools = Pools(connections, timeout_s=config.timeout_s, keep=keep)
        self._stop = Stop(config.deadline_s)
        self._stop.then(connections.shut)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections; nothing is fetched afterwards."""
        self.stop()
        self._pools.close()

    def photo(self, url: str) -> Answer:
        """A photo, whatever it may be in truth. Raises FetchError, also if the status isn't 200."""
        headers = {"Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"}
        most_bytes = int(self._config.max_photo_mb * 1e6)
        return self._run(
            _Errand(url, headers, most_bytes, robots=self._config.robots != "nowhere", only_ok=True),
        )

    def page(self, request: Request, *, official: bool, site: bool = False) -> Answer:
        """A page of results, or of a site: whatever the server answers in the end, errors included.

        official: of an API made for programs, whose robots.txt isn't asked.
        site: of a site that is crawled, not of a search engine. Raises FetchError if there is no answer.
        """
        headers = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate", **request.headers}
        robots = not official and (self._config.robots == "everywhere" or (site and self._config.robots == "photos"))
        return self._run(_Errand(request.url, headers, _MAX_PAGE_BYTES, robots=robots, secret=request.secret))

    def is_free(self, url: Url) -> bool:
        """Whether a URL is one of those that may be asked at any time: of the hosts `allowed`."""
        return is_among(self._allowed, f"{url.host}", port_of(url))

    @property
    def stopped(self) -> bool:
        """Whether nothing is fetched any more."""
        return self._stop.is_set

    @property
    def why_stopped(self) -> str | None:
        """`interrupted`, `out of time`, `out of bytes`, or None."""
        return self._stop.why

    def stop(self) -> None:
        """Let what is under way end at once, one way or the other, and refuse everything else."""
        self._stop.set("interrupted")

    def when_stopped(self, call: Callable[[], None]) -> None:
        """Call this once the client is stopped, for whatever reason (`Lanes.stop`, so that no thread waits there)."""
        self._stop.then(call)

    def _robots_txt(self, url: str) -> tuple[int, bytes]:
        headers = {"Accept": "text/plain,*/*;q=0.5", "Accept-Encoding": "gzip, deflate"}
        answer = self._run(_Errand(url, headers, MAX_ROBOTS_BYTES, cut=True))
        return answer.status, answer.body

    def _run(self, errand: _Errand) -> Answer:
        """Try until there is an answer that no further try would mend, or no further try is left."""
        for attempt in range(self._config.retries + 1):
            is_last = attempt == self._config.retries
            pause_s = self._pause_s * 2**attempt
            try:
                answer = self._try(errand)
            except FetchError as failure:
                if is_last or str(failure) not in _WORTH_ANOTHER_TRY:
                    raise
            else:
                status = answer.status
                if _is_passing(status):
                    asked_s = asked_pause_s(answer.headers.get("retry-after", ""))
                    pause_s = max(pause_s, asked_s)
                    if asked_s or status == 429:
                        self.pace.hold(host_of(parsed(answer.url)), pause_s)
                if not _is_passing(status) or is_last:
                    if errand.only_ok and status != 200:
                        raise FetchError(f"HTTP {status}", status=status, passing=_is_passing(status))
                    return answer
            self._stop.wait(pause_s)
        raise AssertionError("unreachable")

    def _try(self, errand: _Errand) -> Answer:
        """Go from redirect to redirect, each checked like the first URL."""
        with_secret = f"{errand.url}{'&' if '?' in errand.url else '?'}{errand.secret}"
        url = first = parsed(with_secret if errand.secret else errand.url)
        headers = {**errand.headers, **self._name}
        for _ in range(_MOST_REDIRECTS + 1):
            self._stop.check()
            if (url.scheme, url.netloc) != (first.scheme, first.netloc):  # credentials are for whom they are meant
                headers = {key: value for key, value in headers.items() if key.startswith(("Accept", "User-Agent"))}
            self._wait_for_turn(url, robots=errand.robots)
            found = self._ask(url, headers, errand)
            if isinstance(found, Answer):
                return found
            url = found
        raise FetchError("too many redirects")

    def _wait_for_turn(self, url: Url, *, robots: bool) -> None:
        if self.is_free(url):
            return
        if robots:
            self._robots.check(url)
        while wait_s := self.pace.take_lent(host_of(url)):
            self._stop.wait(wait_s)

    def _ask(self, url: Url, headers: Mapping[str, str], errand: _Errand) -> Answer | Url:
        """One request: its answer, or where that leads."""
        pool, target = self._pools.find(url)
        with self._lock:
            self.requests += 1
        response = None
        try:
            response = pool.urlopen("GET", target, headers=headers, retries=_NO_RETRIES, **_BARE)
            status = response.status
            if location := response.headers.get("location") if status in _REDIRECTS else None:
                body.skip(response)
                return target_of(url, location)
            if errand.robots and status == 200 and forbids_ai(response.headers.getlist("x-robots-tag")):
                raise FetchError("noai", status=status)
            content = b""
            if errand.only_ok and status != 200:
                body.skip(response)
            else:
                content = body.read(response, errand.most_bytes, cut=errand.cut)
            self._stop.check()  # a connection that was shut may look like the body's end
        except body.ERRORS as error:
            self._stop.check()
            raise body.failure_of(error) from error
        finally:
            if response is not None:
                self._count(response.tell())
                if response.connection is not None:  # not read to its end, so it can't serve again
                    response.close()
        seen = without(url, errand.secret) if errand.secret else url.url
        return Answer(seen, status, {name.lower(): value for name, value in response.headers.items()}, content)

    def _count(self, size: int) -> None:
        with self._lock:
            self.bytes += size
            is_over = self.bytes >= self._config.max_gb * 1e9
        if is_over:
            self._stop.set("out of bytes")


def _is_passing(status: int) -> bool:
    return status >= 500 or status in _NOT_NOW
