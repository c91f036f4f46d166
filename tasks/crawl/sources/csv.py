"""Photos listed in a CSV file with the columns Image (a file) and Id (its class), the format of many competitions."""

from configs.schema import CrawlConfig
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.listing.collect import collect_listed, fingerprints
from tasks.crawl.listing.photo_csv import list_photos
from tasks.crawl.result import CrawlResult
from tasks.store.context import StageContext

PATH = "labels.csv"


def external_inputs(config: CrawlConfig) -> dict[str, str | int]:
    """Return a fingerprint of the CSV's rows, and of the sizes and modification times of the files that they name."""
    return fingerprints(list_photos(config))


def collect(config: CrawlConfig, ledger: Ledger, context: StageContext) -> CrawlResult:
    """Store the photos that the CSV lists; of each class the first `per_class` in the order of the CSV."""
    return collect_listed(list_photos(config), config, ledger, context, engine="csv")
