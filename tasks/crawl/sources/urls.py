"""A list of URLs: a CSV file with the columns url,label, and if it has them page, licence and author."""

import csv
import logging

from configs.schema import CrawlConfig
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.ledger.search_results import Search, SearchResult
from tasks.crawl.local_files import fingerprint, require_columns, require_path
from tasks.crawl.result import CrawlResult, require_two_classes
from tasks.store.context import StageContext
from tasks.store.errors import UserError

logger = logging.getLogger("fluke.crawl")

NAME = "urls"
_NEEDED = ("url", "label")
_KNOWN = (*_NEEDED, "page", "licence", "author")


def external_inputs(config: CrawlConfig) -> dict[str, str | int]:
    """Fingerprint of the list."""
    orders = _read(config)
    lines = ((label, find.url, find.page or "", find.licence or "", find.author or "") for label, find in _flat(orders))
    return {"urls": sum(map(len, orders.values())), "listing": fingerprint(lines)}


def collect(config: CrawlConfig, ledger: Ledger, context: StageContext) -> CrawlResult:
    """Bring in the photos of the list; of each class the first `per_class` that can be had, in the list's order."""
    from tasks.crawl.search import download_urls

    return download_urls(_read(config), config, ledger, context)


def _flat(orders: dict[str, list[SearchResult]]) -> list[tuple[str, SearchResult]]:
    return [(label, find) for label, finds in orders.items() for find in finds]


def _read(config: CrawlConfig) -> dict[str, list[SearchResult]]:
    """Per class, each URL once, ranked by its place in the file."""
    path = require_path(config.path, "crawl.path", "urls.csv")
    found: dict[str, dict[str, SearchResult]] = {}
    incomplete = 0
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # Excel begins its files with a byte order mark
            rows = csv.DictReader(file)
            columns = [column.strip().lower() for column in rows.fieldnames or []]
            require_columns(path, columns, _NEEDED)
            rows.fieldnames = columns
            for row in rows:
                url, label, page, licence, author = ((row.get(column) or "").strip() for column in _KNOWN)
                if not url or not label:
                    incomplete += 1
                    continue
                of_class = found.setdefault(label, {})
                rank = len(of_class) + 1
                of_class.setdefault(
                    url, SearchResult(Search(NAME, ""), url, 0, rank, page or None, licence or None, author or None)
                )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} can't be read as CSV ({error}); save it as CSV in UTF-8") from error
    if incomplete:
        logger.warning("%s: %d rows without a url or a label are left out", path, incomplete)
    require_two_classes(found, str(path), "list URLs of two different labels at least")
    return {label: list(finds.values()) for label, finds in found.items()}
