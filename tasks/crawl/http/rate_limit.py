"""Limit the request rate per host: one request at a time slot, with longer delays where a host requests them."""

import math
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock, local

from tasks.crawl.http.host_limits import HostLimit, limit_of

LONGEST_PAUSE_S = 30.0
"""Upper limit for Crawl-delay and Retry-After, whatever the host requests."""
_RATE = re.compile(r"\s*(\d{1,6})\s*/\s*(?:per\s*)?(s|m(?!on))", re.IGNORECASE)
_PERIODS_S = {"s": 1, "m": 60}


class RateLimiter:
    """Time slots for requests, per host; thread-safe.

    A caller that gets no slot sleeps for the returned number of seconds and tries again.
    """

    def __init__(
        self,
        requests_per_s: float,
        *,
        limits: Mapping[str, HostLimit] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create a limiter for all hosts.

        Args:
            requests_per_s: Requests per second to one host.
            limits: Stricter limits of some hosts, see `tasks.crawl.http.host_limits`.
            clock: Returns the time in seconds; tests pass their own.
        """
        self.clock = clock
        self._requests_per_s, self._limits = requests_per_s, limits or {}
        self._lock = Lock()
        self._next: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._delay_s: dict[str, float] = {}
        self._reserved = local()

    def acquire(self, host: str) -> float:
        """Take the host's current slot and return 0; if it is not free yet, return the seconds until it is."""
        with self._lock:
            now = self.clock()
            wait_s = self._next.get(host, 0) - now
            if wait_s > 0:
                return wait_s
            self._last[host] = now
            if host not in self._delay_s:
                self._delay_s[host] = self._default_delay_s(host)
            self._next[host] = now + self._delay_s[host]
        return 0

    def reserve(self, host: str) -> None:
        """Keep the slot that was just acquired for this thread's next `use_reserved` of the host."""
        with self._lock:
            self._reserved.slot = (host, self._next[host])

    def use_reserved(self, host: str) -> float:
        """Use up this thread's reserved slot of the host and return 0; without one, do as `acquire` does."""
        slot = getattr(self._reserved, "slot", None)
        if slot is None or slot[0] != host:
            return self.acquire(host)
        self._reserved.slot = None
        return 0

    def release(self, host: str) -> None:
        """Free this thread's reserved slot if it was not used, because no request was sent."""
        slot = getattr(self._reserved, "slot", None)
        if slot is None or slot[0] != host:
            return
        self._reserved.slot = None
        with self._lock:
            if self._next[host] == slot[1]:
                self._next[host] = self.clock()

    def set_delay(self, host: str, delay_s: float) -> None:
        """Set the seconds between requests to the host (Crawl-delay), if that is more than the default."""
        with self._lock:
            self._delay_s[host] = max(min(delay_s, LONGEST_PAUSE_S), self._default_delay_s(host))
            if host in self._last:
                self._next[host] = max(self._next[host], self._last[host] + self._delay_s[host])

    def pause(self, host: str, pause_s: float) -> None:
        """Send no request to the host for `pause_s` seconds (Retry-After)."""
        with self._lock:
            self._next[host] = max(self._next.get(host, 0), self.clock() + min(pause_s, LONGEST_PAUSE_S))

    def spend(self, host: str, size: int) -> None:
        """Delay the next request to a host whose bytes per second are limited, after `size` received bytes."""
        limit = limit_of(host, self._limits)
        if limit is None or math.isinf(limit.bytes_per_s):
            return
        with self._lock:
            start = self._last.get(host, self.clock())
            self._next[host] = max(self._next.get(host, 0), start + size / limit.bytes_per_s)

    def limited_hosts(self) -> dict[str, HostLimit]:
        """Return the hosts with a limit of their own that were requested."""
        with self._lock:
            hosts = list(self._last)
        return {host: limit for host in hosts if (limit := limit_of(host, self._limits))}

    def _default_delay_s(self, host: str) -> float:
        limit = limit_of(host, self._limits)
        return 1 / min(self._requests_per_s, limit.requests_per_s if limit else math.inf)


def parse_retry_after(header: str) -> float:
    """Return the seconds of a Retry-After header (a number or a date, RFC 9110 10.2.3): 0 to 30; 0 if malformed."""
    return min(requested_pause_s(header), LONGEST_PAUSE_S)


def requested_pause_s(header: str) -> float:
    """Return the seconds of a Retry-After header, however many; 0 if it is malformed or in the past."""
    try:
        pause_s = float(header)
    except ValueError:
        try:
            pause_s = (parsedate_to_datetime(header).astimezone(UTC) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError, OverflowError):
            return 0
    return max(pause_s, 0) if math.isfinite(pause_s) else 0


def advertised_delay_s(headers: Mapping[str, str]) -> float:
    """Return the seconds between requests that an API asks for in `X-RateLimit-Limit-...: 20/min`; 0 if it doesn't.

    Longer periods (`200/day`) are a quota: they don't say how often to ask.
    """
    rates = (_RATE.match(value) for name, value in headers.items() if name.startswith("x-ratelimit-limit"))
    return max((_PERIODS_S[rate[2].lower()] / max(int(rate[1]), 1) for rate in rates if rate), default=0)
