"""How fast a host is asked: one request after the other, spaced, and held back when it says so."""

import math
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock, local

LONGEST_PAUSE_S = 30.0
"""No host holds us back for longer at once, whatever it asks for."""


class Pace:
    """When each host may be asked next; for all threads.

    Whoever wants to ask takes a turn, and comes back after the seconds that it is told if it got none.
    """

    def __init__(self, requests_per_s: float) -> None:
        self._usual_s = 1 / requests_per_s
        self._lock = Lock()
        self._next: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._spacing_s: dict[str, float] = {}
        self._lent = local()

    def take(self, host: str) -> float:
        """Take the host's turn and return 0, or return the seconds after which to try again."""
        with self._lock:
            now = time.monotonic()
            wait_s = self._next.get(host, 0) - now
            if wait_s > 0:
                return wait_s
            self._last[host] = now
            self._next[host] = now + self._spacing_s.get(host, self._usual_s)
        return 0

    def lend(self, host: str) -> None:
        """Let this thread's next `take_lent` of the host have the turn that was just taken."""
        with self._lock:
            self._lent.turn = (host, self._next[host])

    def take_lent(self, host: str) -> float:
        """As `take`, unless this thread has been lent a turn of that host, which is then used up."""
        turn = getattr(self._lent, "turn", None)
        if turn is None or turn[0] != host:
            return self.take(host)
        self._lent.turn = None
        return 0

    def give_back(self, host: str) -> None:
        """Let somebody else have the turn that this thread was lent, if it wasn't used: nothing was asked."""
        turn = getattr(self._lent, "turn", None)
        if turn is None or turn[0] != host:
            return
        self._lent.turn = None
        with self._lock:
            if self._next[host] == turn[1]:
                self._next[host] = time.monotonic()

    def space(self, host: str, spacing_s: float) -> None:
        """Keep the host's requests so far apart, if that is more than usual (Crawl-delay)."""
        with self._lock:
            self._spacing_s[host] = max(min(spacing_s, LONGEST_PAUSE_S), self._usual_s)
            if host in self._last:
                self._next[host] = max(self._next[host], self._last[host] + self._spacing_s[host])

    def hold(self, host: str, pause_s: float) -> None:
        """Ask the host nothing for so long (Retry-After)."""
        with self._lock:
            self._next[host] = max(self._next.get(host, 0), time.monotonic() + min(pause_s, LONGEST_PAUSE_S))


def asked_pause_s(retry_after: str) -> float:
    """Seconds that a Retry-After header asks for, as a number or a date (RFC 9110 10.2.3), 30 at most; else 0."""
    try:
        asked_s = float(retry_after)
    except ValueError:
        try:
            asked_s = (parsedate_to_datetime(retry_after).astimezone(UTC) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError, OverflowError):
            return 0
    return min(max(asked_s, 0), LONGEST_PAUSE_S) if math.isfinite(asked_s) else 0
