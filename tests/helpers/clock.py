"""Clocks that show another time: the one that a test sets, or one that is ahead."""

import time
from datetime import datetime, tzinfo


class FakeClock:
    """Returns `now`, in seconds, which only the test changes."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def days_ahead(days: float) -> type[datetime]:
    """Return a datetime whose `now` is ahead; put it into `tasks.store.manifest`, for all times in the data folder."""

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Ahead":
            return cls.fromtimestamp(time.time() + 86_400 * days, tz)

    return Ahead
