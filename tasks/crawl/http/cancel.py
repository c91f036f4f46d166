"""The end of a crawl, whoever brings it about: an interrupt, the deadline, or the byte limit."""

from collections.abc import Callable
from threading import Event, Lock, Timer

from tasks.crawl.http.errors import StoppedError

_NEVER_S = 1e6


class Stop:
    """Set once, for good; wakes everybody who waits."""

    def __init__(self, deadline_s: float) -> None:
        """Be set after so many seconds at the latest."""
        self.why: str | None = None
        self._event = Event()
        self._lock = Lock()
        self._calls: list[Callable[[], None]] = []
        self._timer = Timer(min(deadline_s, _NEVER_S), self.set, ["out of time"])
        self._timer.daemon = True
        self._timer.start()

    @property
    def is_set(self) -> bool:
        """Whether it is over."""
        return self._event.is_set()

    def set(self, why: str) -> None:
        """End it; only the first reason counts."""
        with self._lock:
            if self.why is not None:
                return
            self.why = why
            self._event.set()
        self._timer.cancel()
        for call in self._calls:
            call()

    def then(self, call: Callable[[], None]) -> None:
        """Call this when it is set, in the thread that sets it; at once if it is."""
        with self._lock:
            if self.why is None:
                self._calls.append(call)
                return
        call()

    def check(self) -> None:
        """Raise StoppedError if it is set."""
        if self._event.is_set():
            raise StoppedError(f"{self.why}")

    def wait(self, seconds: float) -> None:
        """Wait; raise StoppedError as soon as it is set."""
        if seconds > 0:
            self._event.wait(seconds)
        self.check()
