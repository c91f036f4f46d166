"""The crawl stage: photos from files or from the net, with a row for each photo of each class."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from pathlib import Path
from typing import Any, cast

from configs.schema import CrawlConfig
from tasks.crawl import blocklist, labelled
from tasks.crawl.engines.engine import Engine
from tasks.crawl.keywords import external_inputs as keyword_inputs
from tasks.crawl.keywords import validate_queries
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.listing.files import require_path
from tasks.crawl.losses import require_few_lost
from tasks.crawl.result import CrawlResult, PhotoRow
from tasks.crawl.sources import Source
from tasks.crawl.stats import CrawlStats
from tasks.crawl.summary import summary
from tasks.names import nfc, warn_of_alike
from tasks.store import hashing
from tasks.store.context import StageContext
from tasks.store.errors import UserError
from tasks.store.manifest import FileRecord, Result
from tasks.store.plugins import load
from tasks.store.stage import Stage
from tasks.store.store import Store
from tasks.tables.crawl import DROPPED, PHOTOS, SEARCHES, TIMES
from tasks.tables.shared import SUMMARY

VERSION = 3
LEDGER = "ledger-2.sqlite"

COLUMNS = tuple(field.name for field in fields(PhotoRow))
_VOLATILE = {"fetched_at", "status", "etag"}
"""Columns that may differ between two downloads of the same photo."""


def sort_rows(rows: Iterable[PhotoRow]) -> list[PhotoRow]:
    """Sort rows by class, rank, name and URL, so that `photos.parquet` doesn't depend on the order of downloads."""
    return sorted(rows, key=lambda row: (row.label, row.rank, row.name, row.url or "", row.photo))


def content_digest(rows: Sequence[PhotoRow]) -> str:
    """Return a digest of all rows; when a photo was fetched and what its server sent with it doesn't count."""
    values = attrgetter(*(name for name in COLUMNS if name not in _VOLATILE))
    return hashing.of_value([values(row) for row in rows])


def table_rows(rows: Iterable[PhotoRow], folder: str) -> list[dict[str, Any]]:
    """Return the rows of `photos.parquet`.

    Args:
        rows: their `file` is relative to the folder of the photos.
        folder: the folder of the photos below the data folder; the table's `file` is relative to the data folder.
    """
    return [{name: getattr(row, name) for name in COLUMNS} | {"file": f"{folder}/{row.file}"} for row in rows]


def build_photos(config: CrawlConfig, *, context: StageContext) -> Result:
    """Write `photos.parquet`, and `times.parquet` if a CSV says when photos were taken; new photos are stored.

    If URLs were fetched, also write `searches.parquet` (what each search found), `dropped.parquet` (each URL that isn't
    kept, with the reason) and `summary.md`.
    """
    blocked = blocklist.read(context.root)
    with Ledger(context.pools / LEDGER, context.photos, blocklist=blocked, verify=context.verify) as ledger:
        result = labelled.add(_source(config).collect(config, ledger, context), config, ledger, context)
        lost = ledger.lost(offline=config.replay)
    if note := require_few_lost(
        lost,
        len({row.photo for row in result.rows}) + len(lost),
        max_loss=config.max_loss,
        what=f"photos that were stored are gone from {context.photos} and can't be had again",
        remedy="restore them from a backup",
    ):
        context.warn(note)
    rows = sort_rows(replace(row, label=nfc(row.label), name=nfc(row.name)) for row in result.rows)
    if note := warn_of_alike(Counter(row.label for row in rows)):
        context.warn(note)
    PHOTOS.write_rows(table_rows(rows, context.photos.relative_to(context.root).as_posix()), context.out)
    times = sorted(result.times.items())
    if times:
        TIMES.write_rows([{"photo": photo, "taken_at": time} for photo, time in times], context.out)
    if result.stats:
        _write_stats(result.stats, context.out)
    refs = {context.photos / row.file: FileRecord(bytes=row.bytes, sha256=row.photo) for row in rows}
    copies = {"exact copies": len(rows) - len(refs)} if len(rows) > len(refs) else {}
    counts = {"photos": len(refs), **copies, "classes": len({row.label for row in rows}), **result.counts}
    digest = content_digest(rows)
    return Result(counts, digest=hashing.of_value([digest, times]) if times else digest, refs=refs)


def external_inputs(config: CrawlConfig, root: Path) -> dict[str, str | int]:
    """Return what the crawl depends on besides its config.

    These are the source's own inputs, the labels of `crawl.labelled`, a digest of the blocklist, and for a replay the
    size of the ledger.
    """
    inputs = {**_source(config).external_inputs(config), **labelled.external_inputs(config)}
    if (path := root / blocklist.NAME).exists() or path.is_symlink():  # a link to nothing is an error
        inputs["forgotten"] = hashing.of_file(path)[:24]
    pools = Store(root).pools("crawl")
    if config.replay and (path := pools / LEDGER).exists():
        with Ledger(path, pools) as ledger:
            inputs |= {"stored": ledger.location_count(), "finds": ledger.search_results.count()}
    return inputs


def validate_config(config: CrawlConfig) -> None:
    """Raise UserError for every error that can be found before a crawl starts."""
    source = _source(config)
    if isinstance(source, _SearchEngines) and not config.replay:
        validate_queries(source.engines, config)


def check_paths(config: CrawlConfig) -> None:
    """Raise UserError if a path that the source reads is missing, without listing what is below it."""
    modules = [load("tasks.crawl.sources", name) for name in config.sources]
    examples = [module.PATH for module in modules if hasattr(module, "PATH")]
    for example in examples:
        require_path(config.path, "crawl.path", example)
    if examples and config.images is not None:
        require_path(config.images, "crawl.images", "images")
    if config.labelled is not None:
        require_path(config.labelled, "crawl.labelled", "photos/labels.csv")


def _write_stats(stats: CrawlStats, out: Path) -> None:
    SEARCHES.write_rows(stats.search_rows(), out)
    DROPPED.write_rows(stats.dropped_rows(), out)
    SUMMARY.path(out).write_text(summary(stats), encoding="utf-8")


def _source(config: CrawlConfig) -> Source:
    """Return the source: all search engines together as one, or a single module with its own `collect`."""
    modules = {name: load("tasks.crawl.sources", name) for name in config.sources}
    engines = {name: module.ENGINE for name, module in modules.items() if not hasattr(module, "collect")}
    if len(engines) == len(modules):
        return _SearchEngines(list(engines.values()))
    if len(modules) > 1:
        alone = ", ".join(name for name in modules if name not in engines)
        raise UserError(f"crawl.sources: {alone} can't be combined with others; only search engines can")
    return cast(Source, next(iter(modules.values())))


@dataclass(frozen=True)
class _SearchEngines:
    """The source that searches several engines, one after the other."""

    engines: list[Engine]

    def external_inputs(self, config: CrawlConfig) -> dict[str, str | int]:
        """Return the digest of the keywords' file, if there is one; what engines would find now isn't known."""
        return keyword_inputs(config)

    def collect(self, config: CrawlConfig, ledger: Ledger, context: StageContext) -> CrawlResult:
        """Search, and download what is found."""
        from tasks.crawl.search import crawl

        return crawl(self.engines, config, ledger, context)


STAGE = Stage(
    "crawl",
    VERSION,
    build=build_photos,
    external_inputs=external_inputs,
    dynamic_modules=lambda config: [f"tasks.crawl.sources.{name}" for name in config.sources],
)
