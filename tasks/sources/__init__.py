"""One source of photos a file, found by its name: `crawl.source: folder` is `folder.py`.

A source module defines the two functions of `Source`. A search engine needs little more than an `Engine`
(see `tasks.support.engine`), which it hands to `tasks.support.crawler.crawl`.
"""

from collections.abc import Mapping
from typing import Protocol

from configs.schema import CrawlConfig
from tasks.support.harvest import Harvest
from tasks.support.job import Job
from tasks.support.ledger import Ledger


class Source(Protocol):
    """What a module in this package defines."""

    def observe(self, config: CrawlConfig) -> Mapping[str, str | int]:
        """What the source holds now, as far as a quick look tells (a listing's fingerprint, not the photos).

        Part of the crawl's key, so that a changed folder is noticed. Raises UserError if there is nothing to crawl.
        """
        ...

    def collect(self, config: CrawlConfig, ledger: Ledger, job: Job) -> Harvest:
        """Bring in the photos that the ledger doesn't know; returns the rows of all, of two classes at least."""
        ...
