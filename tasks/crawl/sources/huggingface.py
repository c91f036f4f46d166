"""Photos in a local copy of a Hugging Face dataset."""

from configs.schema import CrawlConfig
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.listing.collect import collect_listed, fingerprints
from tasks.crawl.listing.hugging_face import list_photos
from tasks.crawl.result import CrawlResult
from tasks.store.context import StageContext

PATH = "dataset"


def external_inputs(config: CrawlConfig) -> dict[str, str | int]:
    """Return a fingerprint of the rows, and of the sizes and modification times of the files that contain them."""
    return fingerprints(list_photos(config))


def collect(config: CrawlConfig, ledger: Ledger, context: StageContext) -> CrawlResult:
    """Store the photos with a class; of each class the first `per_class` in the order of the files."""
    return collect_listed(list_photos(config), config, ledger, context, engine="huggingface")
