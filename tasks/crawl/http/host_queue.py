"""A bounded queue of downloads that hands out the oldest item whose host may be requested now.

With one plain queue, all threads would wait for a host that is slow, or has used up its requests for this second, while
items of other hosts are behind it.
"""

import heapq
import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from threading import Condition, Lock
from typing import Generic, TypeVar

from urllib3.util import Url

from tasks.crawl.http.errors import FetchError
from tasks.crawl.http.host_limits import HostLimit, limit_of
from tasks.crawl.http.rate_limit import RateLimiter
from tasks.crawl.http.urls import host_key, normalize_url

T = TypeVar("T")

_MAX_MISSES = 8
"""A host that sent no response, or refused, for this many URLs in a row is down."""


@dataclass(slots=True)
class _HostState(Generic[T]):
    host: str
    is_unthrottled: bool
    connections: int
    items: deque[tuple[int, T]] = field(default_factory=deque)
    """Waiting items with their sequence numbers, the oldest first."""
    leased: int = 0
    misses: int = 0
    is_known: bool = False
    """Whether an item of this host was released. Before that, one item at a time: the first one fetches robots.txt."""
    is_down: bool = False
    is_queued: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Lease(Generic[T]):
    """An item and the right to one connection to its host; to be returned with `HostQueue.release`."""

    item: T
    host: str
    is_down: bool
    """Whether the host no longer responds, so that a request would be in vain."""


class HostQueue(Generic[T]):
    """A queue with a connection limit and a rate limit per host, for any number of threads."""

    def __init__(
        self,
        rate_limiter: RateLimiter,
        *,
        connections_per_host: int,
        is_unthrottled: Callable[[Url], bool] = lambda url: False,
        host_limits: Mapping[str, HostLimit] | None = None,
        capacity: int = 4096,
    ) -> None:
        """Create an empty queue.

        Args:
            rate_limiter: Decides when each host may be requested; its clock is used here too.
            connections_per_host: Leases of one host at the same time.
            is_unthrottled: Whether a URL's host has neither rate limit nor connection limit.
            host_limits: Limits of some hosts that are stricter than `connections_per_host`.
            capacity: Waiting items; `put` blocks beyond that.
        """
        self._rate_limiter, self._connections = rate_limiter, connections_per_host
        self._is_unthrottled, self._capacity = is_unthrottled, capacity
        self._host_limits = host_limits or {}
        lock = Lock()
        self._available, self._room = Condition(lock), Condition(lock)
        self._hosts: dict[str, _HostState[T]] = {}
        self._ready: list[tuple[int, _HostState[T]]] = []
        """Heap of hosts with a free connection, by the sequence number of their oldest item."""
        self._waiting: list[tuple[float, int, _HostState[T]]] = []
        """Heap of hosts that must wait for their next time slot, by its time."""
        self._wake_time = math.inf
        """When the one thread that waits for the next time slot wakes up; the others wait for a notification."""
        self._numbers = count()
        self._size = 0
        self._is_closed = False
        self._is_cancelled = False

    def put(self, item: T, url: str) -> bool:
        """Add an item for the host of its URL; block while the queue is full.

        Returns:
            False if the queue was closed instead.
        """
        try:
            parts = normalize_url(url)
            host, is_unthrottled = host_key(parts), self._is_unthrottled(parts)
        except FetchError:  # the fetch will report it
            host, is_unthrottled = "", True
        with self._available:
            while self._size >= self._capacity and not self._is_closed:
                self._room.wait()
            if self._is_closed:
                return False
            state = self._hosts.get(host)
            if state is None:
                limit = limit_of(host, self._host_limits)
                connections = min(self._connections, limit.connections) if limit else self._connections
                state = self._hosts[host] = _HostState(host, is_unthrottled, connections)
            state.items.append((next(self._numbers), item))
            self._size += 1
            self._enqueue(state)
        return True

    def get(self) -> Lease[T] | None:
        """Return the oldest item whose host may be requested now; block until there is one.

        Returns:
            None if the queue is closed and empty.
        """
        with self._available:
            while (state := self._next_host()) is None:
                if self._is_closed and not self._size:
                    self._available.notify_all()
                    return None
                due = self._waiting[0][0] if self._waiting else math.inf
                if due < self._wake_time:
                    self._wake_time = due
                    self._available.wait(due - self._rate_limiter.clock())
                    self._wake_time = math.inf
                else:
                    self._available.wait()
            _, item = state.items.popleft()
            state.leased += 1
            self._size -= 1
            self._enqueue(state)
            if self._ready or self._waiting or (self._is_closed and not self._size):
                self._available.notify()
            self._room.notify()
            if not (state.is_unthrottled or state.is_down or self._is_cancelled):
                self._rate_limiter.reserve(state.host)
            return Lease(item, state.host, state.is_down)

    def release(self, lease: Lease[T], *, responded: bool) -> None:
        """Return a lease; to be called by the thread that got it.

        Args:
            lease: The lease from `get`.
            responded: False if the host was requested and sent no response (`FetchError.no_response`), or refused
                further requests.
        """
        self._rate_limiter.release(lease.host)
        with self._available:
            state = self._hosts[lease.host]
            state.leased -= 1
            state.is_known = True
            state.misses = 0 if responded else state.misses + 1
            if state.misses >= _MAX_MISSES and not (state.is_down or state.is_unthrottled):
                state.is_down = True
                self._waiting = [entry for entry in self._waiting if entry[2] is not state]
                heapq.heapify(self._waiting)
                state.is_queued = any(other is state for _, other in self._ready)
            self._enqueue(state)

    def close(self) -> None:
        """Accept no more items."""
        with self._available:
            self._is_closed = True
            self._available.notify_all()
            self._room.notify_all()

    def cancel(self) -> None:
        """Close the queue, and hand out all remaining items without waiting."""
        with self._available:
            self._is_closed = self._is_cancelled = True
            self._ready = [(state.items[0][0], state) for state in self._hosts.values() if state.items]
            heapq.heapify(self._ready)
            self._waiting = []
            for _, state in self._ready:
                state.is_queued = True
            self._available.notify_all()
            self._room.notify_all()

    def _enqueue(self, state: _HostState[T]) -> None:
        """Add a host to the ready heap if it has an item and a free connection."""
        if state.items and not state.is_queued and state.leased < self._max_leases(state):
            state.is_queued = True
            heapq.heappush(self._ready, (state.items[0][0], state))
            self._available.notify()

    def _max_leases(self, state: _HostState[T]) -> float:
        if state.is_unthrottled or state.is_down or self._is_cancelled:
            return math.inf
        return state.connections if state.is_known else 1

    def _next_host(self) -> _HostState[T] | None:
        """Acquire the time slot of the first host that may be requested now."""
        now = self._rate_limiter.clock()
        while self._waiting and self._waiting[0][0] <= now:
            _, number, state = heapq.heappop(self._waiting)
            heapq.heappush(self._ready, (number, state))
        while self._ready:
            number, state = heapq.heappop(self._ready)
            is_unlimited = state.is_unthrottled or state.is_down or self._is_cancelled
            if is_unlimited or not (wait_s := self._rate_limiter.acquire(state.host)):
                state.is_queued = False
                return state
            heapq.heappush(self._waiting, (now + wait_s, number, state))
        return None
