"""The crawl stage: photos from a folder, a CSV or the net, with a row for each place where one was found."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, cast

from configs.schema import CrawlConfig
from tasks.sources import Source
from tasks.support import digest
from tasks.support.harvest import Row
from tasks.support.job import Job
from tasks.support.ledger import Ledger
from tasks.support.manifest import FileRecord, Result
from tasks.support.modules import load
from tasks.support.stage import Stage

if TYPE_CHECKING:
    import pyarrow

VERSION = 1

COLUMNS = tuple(field.name for field in fields(Row))


def ordered(rows: Iterable[Row]) -> list[Row]:
    """Rows by class, rank, name and URL: the order of `photos.parquet`, however they came in."""
    return sorted(rows, key=lambda row: (row.label, row.rank, row.name, row.url or "", row.photo))


def content_digest(rows: Sequence[Row]) -> str:
    """Digest of all that was found; when it was fetched doesn't count."""
    values = attrgetter(*(name for name in COLUMNS if name != "fetched_at"))
    return digest.of_value([values(row) for row in rows])


def table(rows: Sequence[Row], folder: str) -> "pyarrow.Table":
    """Rows as an Arrow table, with `file` below the data folder; `folder` is that of the photos."""
    import pyarrow as pa

    text, number = pa.string(), pa.int64()
    types = {"rank": number, "bytes": number, "fetched_at": pa.timestamp("s", "UTC")}
    columns = {name: [getattr(row, name) for row in rows] for name in COLUMNS}
    columns["file"] = [f"{folder}/{file}" for file in columns["file"]]
    return pa.table(columns, pa.schema([(name, types.get(name, text)) for name in COLUMNS]))


def build_photos(config: CrawlConfig, *, job: Job) -> Result:
    """Write `photos.parquet`; photos that are new go into the folder of photos."""
    import pyarrow.parquet as pq

    with Ledger(job.pools / f"ledger-{VERSION}.sqlite", job.photos, verify=job.verify) as ledger:
        harvest = _source(config).collect(config, ledger, job)
    rows = ordered(harvest.rows)
    pq.write_table(table(rows, job.photos.relative_to(job.root).as_posix()), job.out / "photos.parquet")
    refs = {job.photos / row.file: FileRecord(bytes=row.bytes, sha256=row.photo) for row in rows}
    counts = {"photos": len(refs), "classes": len({row.label for row in rows}), **harvest.counts}
    return Result(counts, digest=content_digest(rows), refs=refs)


def observe(config: CrawlConfig, pools: Path) -> dict[str, str | int]:
    """What the source holds now, as far as a quick look tells."""
    return dict(_source(config).observe(config))


def _source(config: CrawlConfig) -> Source:
    return cast(Source, load("tasks.sources", config.source))


STAGE = Stage(
    "crawl", VERSION, build=build_photos, observe=observe, loads=lambda config: f"tasks.sources.{config.source}"
)
