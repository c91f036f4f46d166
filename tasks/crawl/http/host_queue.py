"""The queue between those who find photos and those who fetch them: a lane for each host.

With one queue for all, threads wait at a host that is slow, or has had its requests for this second, while photos of
other hosts lie behind. Here a thread gets the oldest photo of a host that is free.
"""

import heapq
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from threading import Condition, Lock
from typing import Generic, TypeVar

from urllib3.util import Url

from tasks.crawl.http.errors import FetchError
from tasks.crawl.http.rate_limit import Pace
from tasks.crawl.http.urls import host_of, parsed

T = TypeVar("T")

_MOST_MISSES = 8
"""A host that gave no answer for so many URLs in a row, or refused them, is down."""


@dataclass(slots=True)
class _Lane(Generic[T]):
    host: str
    is_free: bool
    items: deque[tuple[int, T]] = field(default_factory=deque)
    busy: int = 0
    misses: int = 0
    is_known: bool = False
    """Whether one of its URLs has come back; until then it goes alone, and learns what robots.txt says."""
    is_down: bool = False
    is_queued: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Turn(Generic[T]):
    """An item, and the connection to its host that it may use; to be given back by `done`."""

    item: T
    host: str
    is_down: bool
    """Whether the host has stopped answering, so that it isn't worth asking."""


class Lanes(Generic[T]):
    """For one or more threads that put and any number that get; bounded."""

    def __init__(
        self,
        pace: Pace,
        *,
        connections_per_host: int,
        is_free: Callable[[Url], bool] = lambda url: False,
        most: int = 4096,
    ) -> None:
        """is_free: whether a URL's host has neither pace nor limit. most: items that wait at once."""
        self._pace, self._connections, self._is_free, self._most = pace, connections_per_host, is_free, most
        lock = Lock()
        self._turns, self._room = Condition(lock), Condition(lock)
        self._lanes: dict[str, _Lane[T]] = {}
        self._ready: list[tuple[int, _Lane[T]]] = []
        """Lanes with a free connection, by the number of their oldest item."""
        self._paced: list[tuple[float, int, _Lane[T]]] = []
        """Those whose host's turn comes at a time."""
        self._look = math.inf
        """When the thread that watches the time will look at them: the others sleep until they are needed."""
        self._numbers = count()
        self._size = 0
        self._is_closed = False
        self._is_stopped = False

    def put(self, item: T, url: str) -> bool:
        """Queue an item for the host of its URL, as soon as there is room; False if it was closed instead."""
        try:
            parts = parsed(url)
            host, is_free = host_of(parts), self._is_free(parts)
        except FetchError:  # whoever gets it will see
            host, is_free = "", True
        with self._turns:
            while self._size >= self._most and not self._is_closed:
                self._room.wait()
            if self._is_closed:
                return False
            lane = self._lanes.get(host)
            if lane is None:
                lane = self._lanes[host] = _Lane(host, is_free)
            lane.items.append((next(self._numbers), item))
            self._size += 1
            self._enqueue(lane)
        return True

    def get(self) -> Turn[T] | None:
        """The oldest item of the hosts that may be asked now, as soon as there is one; None when nothing is left."""
        with self._turns:
            while (lane := self._next()) is None:
                if self._is_closed and not self._size:
                    self._turns.notify_all()
                    return None
                due = self._paced[0][0] if self._paced else math.inf
                if due < self._look:
                    self._look = due
                    self._turns.wait(due - time.monotonic())
                    self._look = math.inf
                else:
                    self._turns.wait()
            _, item = lane.items.popleft()
            lane.busy += 1
            self._size -= 1
            self._enqueue(lane)
            if self._ready or self._paced or (self._is_closed and not self._size):
                self._turns.notify()
            self._room.notify()
            if not (lane.is_free or lane.is_down or self._is_stopped):
                self._pace.lend(lane.host)
            return Turn(item, lane.host, lane.is_down)

    def done(self, turn: Turn[T], *, alive: bool) -> None:
        """Give the connection back; in the thread that got it.

        alive: False if the host was asked and failed to answer (`FetchError.silent`), or said that it has had enough.
        """
        self._pace.give_back(turn.host)
        with self._turns:
            lane = self._lanes[turn.host]
            lane.busy -= 1
            lane.is_known = True
            lane.misses = 0 if alive else lane.misses + 1
            if lane.misses >= _MOST_MISSES and not (lane.is_down or lane.is_free):
                lane.is_down = True
                self._paced = [entry for entry in self._paced if entry[2] is not lane]
                heapq.heapify(self._paced)
                lane.is_queued = any(other is lane for _, other in self._ready)
            self._enqueue(lane)

    def close(self) -> None:
        """Nothing more will be put."""
        with self._turns:
            self._is_closed = True
            self._turns.notify_all()
            self._room.notify_all()

    def stop(self) -> None:
        """Close, and let everything left be got without waiting."""
        with self._turns:
            self._is_closed = self._is_stopped = True
            self._ready = [(lane.items[0][0], lane) for lane in self._lanes.values() if lane.items]
            heapq.heapify(self._ready)
            self._paced = []
            for _, lane in self._ready:
                lane.is_queued = True
            self._turns.notify_all()
            self._room.notify_all()

    def _enqueue(self, lane: _Lane[T]) -> None:
        """Let a lane be found, if it has an item and a free connection."""
        if lane.items and not lane.is_queued and lane.busy < self._limit(lane):
            lane.is_queued = True
            heapq.heappush(self._ready, (lane.items[0][0], lane))
            self._turns.notify()

    def _limit(self, lane: _Lane[T]) -> float:
        if lane.is_free or lane.is_down or self._is_stopped:
            return math.inf
        return self._connections if lane.is_known else 1

    def _next(self) -> _Lane[T] | None:
        """Take the turn of the first lane whose host may be asked now."""
        now = time.monotonic()
        while self._paced and self._paced[0][0] <= now:
            _, number, lane = heapq.heappop(self._paced)
            heapq.heappush(self._ready, (number, lane))
        while self._ready:
            number, lane = heapq.heappop(self._ready)
            if lane.is_free or lane.is_down or self._is_stopped or not (wait_s := self._pace.take(lane.host)):
                lane.is_queued = False
                return lane
            heapq.heappush(self._paced, (now + wait_s, number, lane))
        return None
