"""Cancellation of a crawl: by the user, at its deadline, or at its byte limit."""

from collections.abc import Callable
from threading import Event, Lock, Timer

from tasks.crawl.http.errors import FetchCancelledError

_MAX_TIMER_S = 1e6  # threading.Timer overflows with much larger values


class CancelToken:
    """A flag that is set once and never cleared; setting it wakes all waiting threads."""

    def __init__(self, deadline_s: float) -> None:
        """Start the deadline: after `deadline_s` seconds, the token cancels itself."""
        self.reason: str | None = None
        self._event = Event()
        self._lock = Lock()
        self._callbacks: list[Callable[[], None]] = []
        self._timer = Timer(min(deadline_s, _MAX_TIMER_S), self.cancel, ["out of time"])
        self._timer.daemon = True
        self._timer.start()

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._event.is_set()

    def cancel(self, reason: str) -> None:
        """Set the flag and run the callbacks; only the first call, and its reason, has an effect."""
        with self._lock:
            if self.reason is not None:
                return
            self.reason = reason
            self._event.set()
        self._timer.cancel()
        for callback in self._callbacks:
            callback()

    def on_cancel(self, callback: Callable[[], None]) -> None:
        """Register a callback for `cancel`, run in the thread that cancels; run it now if already cancelled."""
        with self._lock:
            if self.reason is None:
                self._callbacks.append(callback)
                return
        callback()

    def check(self) -> None:
        """Raise FetchCancelledError if cancelled."""
        if self._event.is_set():
            raise FetchCancelledError(f"{self.reason}")

    def wait(self, seconds: float) -> None:
        """Sleep for `seconds`; raise FetchCancelledError as soon as the token is cancelled."""
        if seconds > 0:
            self._event.wait(seconds)
        self.check()
