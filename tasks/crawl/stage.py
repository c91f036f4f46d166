"""The crawl stage: photos from a folder, a CSV or the net, with a row for each place where one was found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path
from typing import Any, cast

from configs.schema import CrawlConfig
from tasks.crawl import blocklist
from tasks.crawl.engines.engine import Engine
from tasks.crawl.keywords import external_inputs as observe_keywords
from tasks.crawl.keywords import require_askable
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.result import Harvest, Row
from tasks.crawl.sources import Source
from tasks.crawl.stats import Tally
from tasks.store import hashing
from tasks.store.context import StageContext
from tasks.store.errors import UserError
from tasks.store.manifest import FileRecord, Result
from tasks.store.plugins import load
from tasks.store.stage import Stage
from tasks.store.store import Store
from tasks.tables import DROPPED, PHOTOS, SEARCHES, SUMMARY

VERSION = 2
LEDGER = f"ledger-{VERSION}.sqlite"

COLUMNS = tuple(field.name for field in fields(Row))
_VOLATILE = {"fetched_at", "status", "etag"}


def ordered(rows: Iterable[Row]) -> list[Row]:
    """Rows by class, rank, name and URL: the order of `photos.parquet`, however they came in."""
    return sorted(rows, key=lambda row: (row.label, row.rank, row.name, row.url or "", row.photo))


def content_digest(rows: Sequence[Row]) -> str:
    """Digest of all that was found; when it was fetched, and what its server said then, doesn't count."""
    values = attrgetter(*(name for name in COLUMNS if name not in _VOLATILE))
    return hashing.of_value([values(row) for row in rows])


def table_rows(rows: Iterable[Row], folder: str) -> list[dict[str, Any]]:
    """The rows of `photos.parquet`, with `file` relative to the data folder; `folder` is that of the photos."""
    return [{name: getattr(row, name) for name in COLUMNS} | {"file": f"{folder}/{row.file}"} for row in rows]


def build_photos(config: CrawlConfig, *, context: StageContext) -> Result:
    """Write `photos.parquet`; photos that are new go into the folder of photos.

    Of a crawl of the net also `searches.parquet` (what each search brought), `dropped.parquet` (each URL that isn't
    kept, and why) and `summary.md`.
    """
    ledger_path, kept_out = context.pools / LEDGER, blocklist.read(context.root)
    with Ledger(ledger_path, context.photos, forgotten=kept_out, verify=context.verify) as ledger:
        harvest = _source(config).collect(config, ledger, context)
    rows = ordered(harvest.rows)
    PHOTOS.write_rows(table_rows(rows, context.photos.relative_to(context.root).as_posix()), context.out)
    if harvest.tally:
        _write_tally(harvest.tally, context.out)
    refs = {context.photos / row.file: FileRecord(bytes=row.bytes, sha256=row.photo) for row in rows}
    counts = {"photos": len(refs), "classes": len({row.label for row in rows}), **harvest.counts}
    return Result(counts, digest=content_digest(rows), refs=refs)


def external_inputs(config: CrawlConfig, root: Path) -> dict[str, str | int]:
    """What the source holds now, as far as a quick look tells; of a replay, how much there is to replay."""
    inputs = dict(_source(config).external_inputs(config))
    if (kept_out := root / blocklist.NAME).exists():
        inputs["forgotten"] = hashing.of_file(kept_out)[:24]
    pools = Store(root).pools("crawl")
    if config.replay and (path := pools / LEDGER).exists():
        with Ledger(path, pools) as ledger:
            inputs |= {"stored": ledger.stored(), "finds": ledger.finds.count()}
    return inputs


def check(config: CrawlConfig) -> None:
    """Raise UserError for what can be known to be wrong before a crawl begins."""
    source = _source(config)
    if isinstance(source, _Engines) and not config.replay:
        require_askable(source.engines, config)


def _write_tally(tally: Tally, out: Path) -> None:
    SEARCHES.write_rows(tally.searches(), out)
    DROPPED.write_rows(tally.drops(), out)
    SUMMARY.path(out).write_text(tally.summary(), encoding="utf-8")


def _source(config: CrawlConfig) -> Source:
    """The one source of its own, or the search engines together as one."""
    modules = {name: load("tasks.crawl.sources", name) for name in config.sources}
    engines = {name: module.ENGINE for name, module in modules.items() if not hasattr(module, "collect")}
    if len(engines) == len(modules):
        return _Engines(list(engines.values()))
    if len(modules) > 1:
        alone = ", ".join(name for name in modules if name not in engines)
        raise UserError(f"crawl.sources: {alone} can't be combined with others; only search engines can")
    return cast(Source, next(iter(modules.values())))


@dataclass(frozen=True)
class _Engines:
    """Search engines, asked one after the other, as a source."""

    engines: list[Engine]

    def external_inputs(self, config: CrawlConfig) -> dict[str, str | int]:
        """The keywords, if they are in a file; what engines find now isn't known before they are asked."""
        return observe_keywords(config)

    def collect(self, config: CrawlConfig, ledger: Ledger, context: StageContext) -> Harvest:
        """Ask them."""
        from tasks.crawl.search import crawl

        return crawl(self.engines, config, ledger, context)


STAGE = Stage(
    "crawl",
    VERSION,
    build=build_photos,
    external_inputs=external_inputs,
    dynamic_modules=lambda config: [f"tasks.crawl.sources.{name}" for name in config.sources],
)
