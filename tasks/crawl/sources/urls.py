"""A list of URLs: a CSV file with the columns url,label and the optional columns page, licence and author."""

import logging

from configs.schema import CrawlConfig
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.ledger.search_results import Search, SearchResult
from tasks.crawl.local_files import fingerprint, require_path
from tasks.crawl.result import CrawlResult, require_two_classes
from tasks.store.context import StageContext
from tasks.store.csv_file import read_csv

logger = logging.getLogger("fluke.crawl")

NAME = "urls"
_REQUIRED = ("url", "label")
_COLUMNS = (*_REQUIRED, "page", "licence", "author")


def external_inputs(config: CrawlConfig) -> dict[str, str | int]:
    """Return a fingerprint of the list."""
    candidates = _read(config)
    lines = (
        (label, result.url, result.page or "", result.licence or "", result.author or "")
        for label, results in candidates.items()
        for result in results
    )
    return {"urls": sum(map(len, candidates.values())), "listing": fingerprint(lines)}


def collect(config: CrawlConfig, ledger: Ledger, context: StageContext) -> CrawlResult:
    """Download the photos of the list; of each class the first `per_class` that are available, in the list's order."""
    from tasks.crawl.search import download_urls

    return download_urls(_read(config), config, ledger, context)


def _read(config: CrawlConfig) -> dict[str, list[SearchResult]]:
    """Return the URLs of each class, each once, ranked by their order in the file."""
    path = require_path(config.path, "crawl.path", "urls.csv")
    found: dict[str, dict[str, SearchResult]] = {}
    incomplete = 0
    for row in read_csv(path, _REQUIRED, ignore_case=True).rows:
        url, label, page, licence, author = (row.get(column, "").strip() for column in _COLUMNS)
        if not url or not label:
            incomplete += 1
            continue
        of_class = found.setdefault(label, {})
        rank = len(of_class) + 1
        of_class.setdefault(
            url, SearchResult(Search(NAME, ""), url, 0, rank, page or None, licence or None, author or None)
        )
    if incomplete:
        logger.warning("%s: %d rows without a url or a label are left out", path, incomplete)
    require_two_classes(found, str(path), "list URLs with at least two different labels")
    return {label: list(results.values()) for label, results in found.items()}
