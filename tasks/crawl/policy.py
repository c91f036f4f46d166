"""How a crawl treats servers, as far as its source decides it and not the user."""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class CrawlPolicy:
    """Rules of one crawl that aren't settings."""

    unthrottled: Collection[str] = ()
    """`host` or `host:port` of servers that may be private, and are requested without rate limit and robots.txt."""
    is_site: bool = False
    """Whether the pages belong to one web site: robots.txt applies to them, and all links are followed."""
    retry_pause_s: float = 0.5
    """Seconds before the first retry of a request; doubled for each further retry."""


DEFAULT = CrawlPolicy()
