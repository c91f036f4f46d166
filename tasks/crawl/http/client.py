"""HTTP GET with retries, redirects, limits on size, time and bytes, and cancellation."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from threading import Lock
from types import TracebackType
from typing import Any, Self

from urllib3.util import Retry, Url

from configs.schema import CrawlConfig
from tasks.crawl.http import body, rate_limit
from tasks.crawl.http.cancel import CancelToken
from tasks.crawl.http.connection_pools import ConnectionPools
from tasks.crawl.http.connections import Connections
from tasks.crawl.http.errors import FetchError
from tasks.crawl.http.host_limits import HOST_LIMITS, ConnectionLimits, HostLimit
from tasks.crawl.http.rate_limit import RateLimiter, advertised_delay_s, parse_retry_after, requested_pause_s
from tasks.crawl.http.robots import MAX_BYTES as MAX_ROBOTS_BYTES
from tasks.crawl.http.robots import RobotsTxt, forbids_ai, user_agent
from tasks.crawl.http.urls import host_key, is_listed, normalize_url, port_of, redirect_target, without_secret

_MAX_PAGE_BYTES = 10_000_000
_MAX_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}
_TRANSIENT = {408, 425, 429}
_NO_RETRIES = Retry(False, redirect=False)
_URLOPEN_OPTIONS: Any = {"redirect": False, "assert_same_host": False, "preload_content": False}
_RETRIED_REASONS = {"no answer in time", "no connection", "broken off", "wrong length"}


@dataclass(frozen=True, slots=True)
class FetchResult:
    """A response, whatever its status."""

    url: str
    """The URL after all redirects."""
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


@dataclass(frozen=True, slots=True)
class _FetchSpec:
    """What to fetch, and under which conditions."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    """Without User-Agent, which the client adds."""
    max_bytes: int
    truncate: bool = False
    """Whether the beginning of a body that is too large is enough."""
    respects_robots: bool = False
    """Whether robots.txt and noai apply."""
    only_ok: bool = False
    """Whether any status but 200 is an error."""
    secret: str = field(default="", repr=False)
    form: str = field(default="", repr=False)
    """Sent as a POST request, without following redirects, because it may contain credentials."""


class Client:
    """Fetches URLs for all threads, until it is cancelled, out of time, or out of bytes."""

    def __init__(
        self,
        config: CrawlConfig,
        *,
        unthrottled: Collection[str] = (),
        host_limits: Mapping[str, HostLimit] = HOST_LIMITS,
        retry_pause_s: float = 0.5,
    ) -> None:
        """Create a client; the deadline `crawl.deadline_s` starts now.

        Args:
            config: Limits of the crawl.
            unthrottled: `host` or `host:port` that may be private and is requested without rate limit and robots.txt.
            host_limits: Limits of some hosts that are stricter than the settings.
            retry_pause_s: Seconds before the first retry; doubled for each further one.
        """
        self.requests = 0
        self.bytes = 0
        self.rate_limiter = RateLimiter(config.requests_per_s, limits=host_limits)
        self._connection_limits = ConnectionLimits(host_limits)
        self._config, self._retry_pause_s = config, retry_pause_s
        self._unthrottled = frozenset(host.lower() for host in unthrottled)
        self._private = self._unthrottled.union(host.lower() for host in config.private_hosts)
        self._user_agent = {"User-Agent": user_agent(config.contact)}
        self._lock = Lock()
        self._robots = RobotsTxt(self._fetch_robots_txt, self.rate_limiter)
        connections = Connections(
            timeout_s=config.timeout_s,
            may_be_private=lambda host, port: is_listed(self._private, host, port),
        )
        keep = max(config.threads, config.connections_per_host)
        self._pools = ConnectionPools(
            connections, timeout_s=config.timeout_s, keep=keep, proxy_resolves=config.proxy_resolves
        )
        self._cancel_token = CancelToken(config.deadline_s)
        self._cancel_token.on_cancel(connections.shut_down)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Cancel all requests and close all connections; nothing can be fetched afterwards."""
        self.cancel()
        self._pools.close()

    def fetch_photo(self, url: str) -> FetchResult:
        """Fetch a photo, without checking that it is one.

        Raises:
            FetchError: There is no response, its status is not 200, it is too large, or robots.txt or noai forbids it.
        """
        headers = {"Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"}
        max_bytes = int(self._config.max_photo_mb * 1e6)
        respects_robots = self._config.robots != "nowhere"
        return self._fetch(_FetchSpec(url, headers, max_bytes, respects_robots=respects_robots, only_ok=True))

    def fetch_page(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        secret: str = "",
        form: str = "",
        is_api: bool,
        is_site: bool = False,
    ) -> FetchResult:
        """Fetch a page of search results or of a site, whatever its status.

        Args:
            url: Absolute URL.
            headers: Headers in addition to our own.
            secret: More of the query string (`api_key=...`), which is sent, but is not in the result's URL.
            form: A form (`name=value&...`); if there is one, it is sent as a POST request.
            is_api: Whether the URL belongs to an API for programs, to which robots.txt doesn't apply.
            is_site: Whether it is a page of a site that is crawled, not of a search engine.

        Raises:
            FetchError: There is no response, or robots.txt or noai forbids it.
        """
        mode = self._config.robots
        respects_robots = not is_api and (mode == "everywhere" or (is_site and mode == "photos"))
        headers = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate", **headers}
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        spec = _FetchSpec(url, headers, _MAX_PAGE_BYTES, respects_robots=respects_robots, secret=secret, form=form)
        result = self._fetch(spec)
        if is_api and (delay_s := advertised_delay_s(result.headers)):
            self.rate_limiter.set_delay(host_key(normalize_url(result.url)), delay_s)
        return result

    def wait(self, url: str, pause_s: float) -> None:
        """Send no request to the URL's host for some seconds (30 at most), and wait for so long.

        Raises:
            FetchCancelledError: The client is cancelled meanwhile.
        """
        self.rate_limiter.pause(host_key(normalize_url(url)), pause_s)
        self._cancel_token.wait(min(pause_s, rate_limit.LONGEST_PAUSE_S))

    def is_unthrottled(self, url: Url) -> bool:
        """Return whether a URL is on one of the unthrottled hosts, which have no rate limit."""
        return is_listed(self._unthrottled, f"{url.host}", port_of(url))

    @property
    def is_cancelled(self) -> bool:
        """Whether nothing is fetched any more."""
        return self._cancel_token.is_cancelled

    @property
    def cancel_reason(self) -> str | None:
        """`interrupted`, `out of time`, `out of bytes`, or None."""
        return self._cancel_token.reason

    def cancel(self) -> None:
        """End all running requests at once, and refuse new ones."""
        self._cancel_token.cancel("interrupted")

    def on_cancel(self, callback: Callable[[], None]) -> None:
        """Run the callback when the client is cancelled for any reason; now, if it is already.

        `HostQueue.cancel` is such a callback, so that no thread waits in the queue.
        """
        self._cancel_token.on_cancel(callback)

    def _fetch_robots_txt(self, url: str) -> tuple[int, bytes]:
        headers = {"Accept": "text/plain,*/*;q=0.5", "Accept-Encoding": "gzip, deflate"}
        result = self._fetch(_FetchSpec(url, headers, MAX_ROBOTS_BYTES, truncate=True))
        return result.status, result.body

    def _fetch(self, spec: _FetchSpec) -> FetchResult:
        """Try until there is a result that a further attempt would not change, or no attempt is left."""
        for attempt in range(self._config.retries + 1):
            is_last = attempt == self._config.retries
            pause_s = self._retry_pause_s * 2**attempt
            try:
                result = self._attempt(spec)
            except FetchError as failure:
                if is_last or str(failure) not in _RETRIED_REASONS:
                    raise
            else:
                status = result.status
                if _is_transient(status):
                    header = result.headers.get("retry-after", "")
                    requested_s = parse_retry_after(header)
                    # A host that wants a longer pause than all of ours together isn't asked again.
                    is_last |= requested_pause_s(header) > rate_limit.LONGEST_PAUSE_S * self._config.retries
                    pause_s = max(pause_s, requested_s)
                    if requested_s or status == 429:
                        self.rate_limiter.pause(host_key(normalize_url(result.url)), pause_s)
                if not _is_transient(status) or is_last:
                    if spec.only_ok and status != 200:
                        raise FetchError(f"HTTP {status}", status=status, transient=_is_transient(status))
                    return result
            self._cancel_token.wait(pause_s)
        raise AssertionError("unreachable")

    def _attempt(self, spec: _FetchSpec) -> FetchResult:
        """Send the request and follow its redirects; each URL is checked like the first one."""
        with_secret = f"{spec.url}{'&' if '?' in spec.url else '?'}{spec.secret}"
        url = first = normalize_url(with_secret if spec.secret else spec.url)
        headers = {**spec.headers, **self._user_agent}
        for _ in range(_MAX_REDIRECTS + 1):
            self._cancel_token.check()
            if (url.scheme, url.netloc) != (first.scheme, first.netloc):  # don't send credentials to another host
                headers = {key: value for key, value in headers.items() if key.startswith(("Accept", "User-Agent"))}
            if spec.respects_robots and not self.is_unthrottled(url):
                self._robots.check(url)
            with self._connection_limits.of(None if self.is_unthrottled(url) else host_key(url)):
                self._wait_for_slot(url)
                found = self._request(url, headers, spec)
            if isinstance(found, FetchResult):
                return found
            url = found
        raise FetchError("too many redirects")

    def _wait_for_slot(self, url: Url) -> None:
        if self.is_unthrottled(url):
            return
        while wait_s := self.rate_limiter.use_reserved(host_key(url)):
            self._cancel_token.wait(wait_s)

    def _request(self, url: Url, headers: Mapping[str, str], spec: _FetchSpec) -> FetchResult | Url:
        """Send one request; returns its result, or the URL that it redirects to."""
        pool, target = self._pools.pool_for(url)
        with self._lock:
            self.requests += 1
        response = None
        try:
            method, form = ("POST", spec.form) if spec.form else ("GET", None)
            response = pool.urlopen(method, target, form, headers, retries=_NO_RETRIES, **_URLOPEN_OPTIONS)
            status = response.status
            if location := response.headers.get("location") if status in _REDIRECTS and not form else None:
                body.discard(response)
                return redirect_target(url, location)
            if spec.respects_robots and status == 200 and forbids_ai(response.headers.getlist("x-robots-tag")):
                raise FetchError("noai", status=status)
            content = b""
            if spec.only_ok and status != 200:
                body.discard(response)
            else:
                content = body.read(response, spec.max_bytes, truncate=spec.truncate)
            self._cancel_token.check()  # a connection that was shut down may look like the end of the body
        except body.NETWORK_ERRORS as error:
            self._cancel_token.check()
            raise body.to_fetch_error(error) from error
        finally:
            if response is not None:
                self._count_bytes(response.tell())
                self.rate_limiter.spend(host_key(url), response.tell())
                if response.connection is not None:  # not read to its end, so it can't be reused
                    response.close()
        public_url = without_secret(url, spec.secret) if spec.secret else url.url
        names = {name.lower(): value for name, value in response.headers.items()}
        return FetchResult(public_url, status, names, content)

    def _count_bytes(self, size: int) -> None:
        with self._lock:
            self.bytes += size
            is_over = self.bytes >= self._config.max_gb * 1e9
        if is_over:
            self._cancel_token.cancel("out of bytes")


def _is_transient(status: int) -> bool:
    return status >= 500 or status in _TRANSIENT
