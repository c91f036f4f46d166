"""URLs that didn't give a photo: why, and when they are worth another try."""

import time

from configs.schema import CrawlConfig
from tasks.crawl.ledger.sqlite import Database

TABLE = """
CREATE TABLE IF NOT EXISTS failures (
    url TEXT PRIMARY KEY,
    times INTEGER NOT NULL,
    reason TEXT NOT NULL,
    due REAL NOT NULL        -- seconds since 1970 from which on it is tried again
) WITHOUT ROWID
"""

_HOUR_S = 3600.0
_DAY_S = 24 * _HOUR_S
_LONGEST_S = 60 * _DAY_S


def pause_s(times: int, *, passing: bool) -> float:
    """Seconds until a URL that has failed so many times is tried again: four times as long after each failure.

    passing: whether the failure may have passed by the next crawl (no answer, HTTP 503), which then tries at once; what
    is gone or no photo gets a day first.
    """
    if passing:
        return min(_HOUR_S * 4.0 ** (times - 2), _LONGEST_S) if times > 1 else 0.0
    return min(_DAY_S * 4.0 ** (times - 1), _LONGEST_S)


_LIMITS = {"too large": "max_photo_mb", "too many pixels": "max_photo_mpx"}
_ROBOTS = ("robots.txt", "noai")


def reason_of(failure: str, config: CrawlConfig) -> str:
    """A failure, with the limit that it broke."""
    setting = _LIMITS.get(failure)
    return f"{failure} ({setting}={getattr(config, setting):g})" if setting else failure


def still_holds(reason: str, config: CrawlConfig) -> bool:
    """Whether a reason lies outside our settings, or in one that hasn't been changed since."""
    failure = reason.partition(" (")[0]
    if failure in _LIMITS:
        return reason == reason_of(failure, config)
    return failure != "private address" and not (failure in _ROBOTS and config.robots == "nowhere")


class Failures:
    """The failed URLs of all crawls."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, url: str, reason: str, *, passing: bool) -> None:
        """Note one more failure."""
        rows = self._database.ask("SELECT times FROM failures WHERE url = ?", (url,))
        times = rows[0][0] + 1 if rows else 1
        due = time.time() + pause_s(times, passing=passing)
        self._database.ask("INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?)", (url, times, reason, due))

    def clear(self, url: str) -> None:
        """Forget that it failed: it has come in."""
        self._database.ask("DELETE FROM failures WHERE url = ?", (url,))

    def waiting(self) -> dict[str, str]:
        """URLs that are not to be tried yet, with the reason why they failed."""
        return dict(self._database.ask("SELECT url, reason FROM failures WHERE due > ?", (time.time(),)))
