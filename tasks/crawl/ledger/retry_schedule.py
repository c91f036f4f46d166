"""URLs from which no photo could be downloaded: the reason, and the time of the next try."""

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
_MAX_DELAY_S = 60 * _DAY_S

_CLOCK_CORRECTION_S = _HOUR_S
"""By so much a clock may be set back without any effect, such as by NTP during a crawl."""

_LIMITS = {"too large": "max_photo_mb", "too many pixels": "max_photo_mpx"}
"""The setting that decides about each of these reasons."""
_ROBOTS = ("robots.txt", "noai")
_ADDRESSES = ("private address", "unknown name")
"""Refused before any request, so that trying again costs nothing."""


def retry_delay_s(times: int, *, transient: bool) -> float:
    """Return the seconds until a failed URL is tried again: four times as long after each failure, 60 days at most.

    Args:
        times: how often the URL has failed, from 1.
        transient: whether the next crawl may succeed (no response, HTTP 503), so that it tries at once. Other failures
            (HTTP 404, not a photo) wait for a day first.
    """
    if transient:
        return min(_HOUR_S * 4.0 ** (times - 2), _MAX_DELAY_S) if times > 1 else 0.0
    return min(_DAY_S * 4.0 ** (times - 1), _MAX_DELAY_S)


def with_limit(reason: str, config: CrawlConfig) -> str:
    """Return a reason, followed by the setting that decides about it, if there is one: `too large (max_photo_mb=50)`.

    So a later crawl can tell whether the setting has changed since.
    """
    setting = _LIMITS.get(reason)
    return f"{reason} ({setting}={getattr(config, setting):g})" if setting else reason


def still_applies(reason: str, config: CrawlConfig) -> bool:
    """Whether a stored reason (see `with_limit`) still applies: False if it depends on a setting that has changed."""
    bare = reason.partition(" (")[0]
    if bare in _LIMITS:
        return reason == with_limit(bare, config)
    return bare not in _ADDRESSES and not (bare in _ROBOTS and config.robots == "nowhere")


class RetrySchedule:
    """The failed URLs of all crawls, with the time of the next try."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, url: str, reason: str, *, transient: bool) -> None:
        """Record one more failure of a URL; see `retry_delay_s` for `transient`."""
        rows = self._database.execute("SELECT times FROM failures WHERE url = ?", (url,))
        times = rows[0][0] + 1 if rows else 1
        due = time.time() + retry_delay_s(times, transient=transient)
        self._database.execute("INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?)", (url, times, reason, due))

    def clear(self, url: str) -> None:
        """Delete the record of a URL whose photo has been downloaded."""
        self._database.execute("DELETE FROM failures WHERE url = ?", (url,))

    def waiting(self) -> dict[str, str]:
        """Return the URLs whose next try is in the future, with the reason of the last failure.

        A try further in the future than the longest delay after so many failures was scheduled by a clock that was
        ahead: it is due now.
        """
        now = time.time()
        rows = self._database.execute("SELECT url, reason, times, due FROM failures WHERE due > ?", (now,))
        return {
            url: reason
            for url, reason, times, due in rows
            if due <= now + retry_delay_s(times, transient=False) + _CLOCK_CORRECTION_S
        }

    def failed(self) -> set[str]:
        """Return the URLs whose last download failed, whenever their next try is."""
        return {url for (url,) in self._database.execute("SELECT url FROM failures")}
