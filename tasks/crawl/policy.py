"""How a crawl treats servers, as far as its source decides it and not the user."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from tasks.crawl.http.host_limits import HOST_LIMITS, HostLimit


@dataclass(frozen=True)
class CrawlPolicy:
    """Rules of one crawl that aren't settings."""

    unthrottled: Collection[str] = ()
    """`host` or `host:port` of servers that may be private, and are requested without rate limit and robots.txt."""
    is_site: bool = False
    """Whether the pages belong to one web site: robots.txt applies to them, and all links are followed."""
    host_limits: Mapping[str, HostLimit] = field(default_factory=lambda: HOST_LIMITS)
    """Limits of some hosts that are stricter than the settings."""
    retry_pause_s: float = 0.5
    """Seconds before the first retry of a request; doubled for each further retry."""


DEFAULT = CrawlPolicy()
