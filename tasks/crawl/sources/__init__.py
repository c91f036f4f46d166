"""One source of photos a file, found by its name: `crawl.sources: folder` is `folder.py`.

A module here defines the two functions of `Source`. If it is a search engine, it needs only set `ENGINE` to an `Engine`
(see `tasks.crawl.engines.engine`): the crawl does the rest.
"""

from collections.abc import Mapping
from typing import Protocol

from configs.schema import CrawlConfig
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.result import CrawlResult
from tasks.store.context import StageContext


class Source(Protocol):
    """What a module in this package defines unless it only sets `ENGINE`."""

    def external_inputs(self, config: CrawlConfig) -> Mapping[str, str | int]:
        """What the source holds now, as far as a quick look tells (a listing's fingerprint, not the photos).

        Part of the crawl's key, so that a changed folder is noticed. Raises UserError if there is nothing to crawl.
        """
        ...

    def collect(self, config: CrawlConfig, ledger: Ledger, context: StageContext) -> CrawlResult:
        """Bring in the photos that the ledger doesn't know; returns the rows of all, of two classes at least."""
        ...
