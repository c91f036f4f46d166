"""Photos that people have labelled with `fluke label`, added to those of any source (`crawl.labelled`)."""

from collections.abc import Sequence
from dataclasses import replace

from configs.schema import CrawlConfig, CsvColumns
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.listing.collect import fingerprints, store_listed
from tasks.crawl.listing.files import require_path
from tasks.crawl.listing.photo_csv import list_photos
from tasks.crawl.listing.photo_list import PhotoList
from tasks.crawl.result import CrawlResult
from tasks.store.context import StageContext


def external_inputs(config: CrawlConfig) -> dict[str, str | int]:
    """Return a fingerprint of the labels and of the files that they name; nothing if there is no `crawl.labelled`."""
    if config.labelled is None:
        return {}
    found = fingerprints(_list(config))
    return {f"labelled {name}": value for name, value in found.items()}


def add(result: CrawlResult, config: CrawlConfig, ledger: Ledger, context: StageContext) -> CrawlResult:
    """Add the labelled photos; a photo that the source has, too, counts in the class that the person has chosen."""
    if config.labelled is None:
        return result
    listed = _list(config)
    rows = store_listed(listed, _as_csv(config), ledger, context, engine="label")
    by_hand = {row.photo for row in rows}
    kept = [row for row in result.rows if row.photo not in by_hand]
    for note in [*listed.notes, *_relabelled(len(result.rows) - len(kept))]:
        context.warn(note)
    return replace(result, rows=[*kept, *rows], counts={**result.counts, "labelled": len(by_hand)})


def _relabelled(count: int) -> Sequence[str]:
    if not count:
        return []
    return [f"crawl.labelled: {count:,} photos of the source are also labelled by hand, and only that class counts"]


def _list(config: CrawlConfig) -> PhotoList:
    require_path(config.labelled, "crawl.labelled", "photos/labels.csv")
    return list_photos(_as_csv(config), to_train=False)


def _as_csv(config: CrawlConfig) -> CrawlConfig:
    """Return settings with which the source csv reads the labels: all of them, in the columns of `fluke label`."""
    return config.model_copy(
        update={"path": config.labelled, "images": None, "columns": CsvColumns(), "split": "ignore", "per_class": None}
    )
