"""Lines that say, at intervals, that something long is still under way."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread


@contextmanager
def reminding(what: str, announce: Callable[[str], None], every_s: float = 30) -> Iterator[None]:
    """Say at intervals for how long the block has been running, until it ends.

    Args:
        what: What the block does, such as "still loading the model".
        announce: Receives the lines, in another thread.
        every_s: Seconds between two lines, and before the first one.
    """
    begun, ended = time.monotonic(), Event()

    def remind() -> None:
        while not ended.wait(every_s):
            announce(f"{what}, for {time.monotonic() - begun:.0f} s; Ctrl-C stops that")

    reminder = Thread(target=remind, name=what, daemon=True)
    reminder.start()
    try:
        yield
    finally:
        ended.set()
        reminder.join()
