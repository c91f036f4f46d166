"""Photos whose classes a JSON file has: of COCO, Label Studio, FiftyOne or Croissant."""

from configs.schema import CrawlConfig
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.listing.annotated import EXAMPLE, list_photos
from tasks.crawl.listing.collect import collect_listed, fingerprints
from tasks.crawl.result import CrawlResult
from tasks.store.context import StageContext

PATH = EXAMPLE


def external_inputs(config: CrawlConfig) -> dict[str, str | int]:
    """Return a fingerprint of the photos with their classes, and of the sizes and modification times of their files."""
    return fingerprints(list_photos(config))


def collect(config: CrawlConfig, ledger: Ledger, context: StageContext) -> CrawlResult:
    """Store the photos with one class; of each class the first `per_class` in the order of the file."""
    return collect_listed(list_photos(config), config, ledger, context, engine="annotations")
