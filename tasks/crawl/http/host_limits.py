"""What the operators of some hosts allow to programs, whoever sent us there: an engine, a list of URLs, a redirect."""

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from threading import BoundedSemaphore, Lock
from typing import Any


@dataclass(frozen=True, slots=True)
class HostLimit:
    """An upper limit; the settings of the crawl may be stricter."""

    requests_per_s: float
    connections: int
    """Requests at the same time."""
    source: str
    """Where the operator says so."""
    bytes_per_s: float = math.inf


HOST_LIMITS: Mapping[str, HostLimit] = {
    # Its rules without a login (read in November 2026): the API below 5 requests per second, one at a time; photos at
    # 25 Mbit/s. The numbers are totals for all of its sites.
    "wikimedia.org": HostLimit(4, 1, "wikitech.wikimedia.org/wiki/Robot_policy", bytes_per_s=25e6 / 8),
    # 100 queries per minute and user; the quotas page of the Google Cloud console.
    "customsearch.googleapis.com": HostLimit(1.5, 1, "the quotas of the Custom Search API"),
    # 3,600 queries per hour and key.
    "api.flickr.com": HostLimit(1, 1, "flickr.com/services/developer/api"),
}
"""By domain, with all of its subdomains. Openverse says in each response how often it may be asked."""


def limit_of(host: str, limits: Mapping[str, HostLimit]) -> HostLimit | None:
    """Return the limit of a host; None if there is none.

    Args:
        host: A key of `tasks.crawl.http.urls.host_key`: a name, with its port unless that is the scheme's default.
        limits: By domain, or by such a key.
    """
    if host in limits:
        return limits[host]
    name = host.partition(":")[0]
    while name:
        if name in limits:
            return limits[name]
        name = name.partition(".")[2]
    return None


class ConnectionLimits:
    """Limits the requests at the same time to the hosts with a limit of their own; thread-safe."""

    def __init__(self, limits: Mapping[str, HostLimit]) -> None:
        self._limits = limits
        self._lock = Lock()
        self._semaphores: dict[str, BoundedSemaphore] = {}

    def of(self, host: str | None) -> AbstractContextManager[Any]:
        """Return a context in which the host may be requested; entering it waits until other requests have ended.

        Args:
            host: See `limit_of`; None: a host without a limit.
        """
        limit = None if host is None else limit_of(host, self._limits)
        if host is None or limit is None:
            return nullcontext()
        with self._lock:
            return self._semaphores.setdefault(host, BoundedSemaphore(limit.connections))
