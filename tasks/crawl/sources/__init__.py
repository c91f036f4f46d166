"""Sources of photos, one module each, found by name: `crawl.sources=folder` is `folder.py`.

A module defines the two functions of `Source`, and `PATH`, an example of `crawl.path`, if it reads that setting. A
search engine only sets `ENGINE` to an `Engine` (see `tasks.crawl.engines.engine`), and `VARIABLES` to the environment
variables with its keys, if it has any; the crawl does the rest.
"""

from collections.abc import Mapping
from typing import Protocol

from configs.schema import CrawlConfig
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.result import CrawlResult
from tasks.store.context import StageContext


class Source(Protocol):
    """The functions of a module in this package, unless it only sets `ENGINE`."""

    def external_inputs(self, config: CrawlConfig) -> Mapping[str, str | int]:
        """Return a fingerprint of the source's current content, from a listing, without reading photos.

        It is part of the crawl's cache key, so that the crawl runs again after the folder has changed.

        Raises:
            UserError: There is nothing to crawl.
        """
        ...

    def collect(self, config: CrawlConfig, ledger: Ledger, context: StageContext) -> CrawlResult:
        """Store the photos that the ledger doesn't contain yet.

        Returns:
            The rows of all photos of the source, of at least two classes.

        Raises:
            UserError: There are photos of fewer than two classes, or a file can't be read.
        """
        ...
