"""Start each compared crawler with a list of URLs, and read the photos that it wrote.

    .venv/bin/python benchmarks/comparisons/crawl_tools.py fluke    URLS.csv FOLDER [SETTING=VALUE ...]
    .venv/bin/python benchmarks/comparisons/crawl_tools.py icrawler URLS.csv FOLDER [THREADS]

run one crawler alone. img2dataset needs older packages than fluke, so it has its own virtual environment (see
README.md).
"""

import csv
import json
import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Collected:
    """What a crawler has in its folder when it ends or is stopped."""

    digests: list[str]
    """SHA-256 of each photo that it kept, as downloaded."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Number of dropped URLs by reason, as far as the crawler reports it."""


@dataclass(frozen=True)
class Crawler:
    """A crawler with its settings."""

    name: str
    command: Callable[[Path, Path], Sequence[str]]
    """Returns the command for a CSV of url,label and a folder that doesn't exist yet."""
    collect: Callable[[Path, Path], Collected]
    """Reads that folder, and the file with the command's output."""


def write_urls(path: Path, urls: Sequence[str]) -> None:
    """Write a CSV of url,label with two classes."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["url", "label"])
        writer.writerows((url, ("cat", "dog")[place % 2]) for place, url in enumerate(urls))


def read_urls(path: Path) -> list[str]:
    """Read the URLs of such a CSV."""
    with path.open(newline="") as file:
        return [row["url"] for row in csv.DictReader(file)]


def fluke(threads: int, settings: Sequence[str] = ()) -> Crawler:
    """Describe fluke: its crawl stage and the store, without Prefect."""

    def command(urls: Path, out: Path) -> list[str]:
        polite = [f"crawl.threads={threads}", f"crawl.connections_per_host={threads}", "crawl.requests_per_s=10000"]
        return [sys.executable, __file__, "fluke", str(urls), str(out), *polite, *settings]

    def collect(out: Path, log: Path) -> Collected:
        from tasks import tables

        digests, dropped = set[str](), Counter[str]()
        for artifact in out.glob("artifacts/crawl/*"):
            digests.update(tables.crawl.PHOTOS.read(artifact, ["photo"])["photo"])
            dropped.update(tables.crawl.DROPPED.read(artifact, ["reason"])["reason"])
        return Collected(sorted(digests), dropped)

    return Crawler(f"fluke, {threads} threads", command, collect)


def icrawler(threads: int = 16) -> Crawler:
    """Describe plain icrawler: UrlListCrawler with its own feeder, parser and ImageDownloader."""

    def command(urls: Path, out: Path) -> list[str]:
        return [sys.executable, __file__, "icrawler", str(urls), str(out), str(threads)]

    def collect(out: Path, log: Path) -> Collected:
        dropped: Counter[str] = Counter()
        for line in log.read_text(errors="replace").splitlines():
            if " - Response status code " in line:
                dropped["HTTP " + line.split("Response status code ")[1].split(",")[0]] += 1
            elif "Exception caught when downloading" in line and line.endswith("remaining retry times: 0"):
                dropped["connection"] += 1
            elif line.startswith("Exception in thread"):
                dropped["thread died"] += 1
        return Collected([_digest(path) for path in out.rglob("*") if path.is_file()], dropped)

    return Crawler(f"icrawler, {threads} threads", command, collect)


def img2dataset(venv: Path, processes: int, threads: int, photos: int, *, decoded: bool) -> Crawler:
    """Describe img2dataset, which writes files and resizes nothing.

    Args:
        venv: Its virtual environment.
        processes: The number of processes.
        threads: The number of threads.
        photos: The number of URLs.
        decoded: Whether it decodes each photo and drops those that fail (it then encodes photos that aren't JPEG
            again). Otherwise it writes every response unchanged, which is its fastest mode.
    """
    checks = {"resize_mode": "no", "skip_reencode": True} if decoded else {"disable_all_reencoding": True}
    options = checks | {
        "output_format": "files",
        "input_format": "csv",
        "processes_count": processes,
        "thread_count": threads,
        "number_sample_per_shard": max(1, math.ceil(photos / (2 * processes))),
        "extract_exif": False,
    }

    def command(urls: Path, out: Path) -> list[str]:
        flags = [f"--{name}={value}" for name, value in options.items()]
        return [str(venv / "bin" / "img2dataset"), f"--url_list={urls}", f"--output_folder={out}", *flags]

    def collect(out: Path, log: Path) -> Collected:
        import pyarrow.parquet as pq

        digests, dropped = [], Counter[str]()
        for table in out.glob("*.parquet"):
            try:
                rows = pq.read_table(table, columns=["status", "error_message", "sha256"]).to_pylist()
            except (OSError, ValueError):  # stopped while it was written; the photos' own files are complete
                home = out / table.stem
                digests += [json.loads(path.read_text())["sha256"] for path in home.glob("*.json")]
                continue
            digests += [row["sha256"] for row in rows if row["status"] == "success"]
            dropped.update(_reason(row["error_message"]) for row in rows if row["status"] != "success")
        return Collected(digests, dropped)

    kind = "decoded" if decoded else "undecoded"
    return Crawler(f"img2dataset, {kind}, {processes} x {threads} threads", command, collect)


def _reason(message: str) -> str:
    """Return the first line of an error, without the numbers that differ each time."""
    return re.sub(r"\d{4,}", "N", message.partition("\n")[0])


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def _run_fluke(urls: Path, out: Path, settings: Sequence[str]) -> None:
    """Run the crawl stage as the pipeline does; prints its counts."""
    sys.path.insert(0, str(ROOT))
    from configs.load import load
    from tasks.crawl import stage as crawl
    from tasks.store.context import executor
    from tasks.store.stage import Run
    from tasks.store.store import Store

    host = urlsplit(read_urls(urls)[0]).netloc
    given = ["crawl.sources=urls", f"crawl.path={urls}", f"crawl.private_hosts=[{host}]", *settings]
    with executor(0) as pool:
        outcome = Run(Store(out), pool).get_or_build(crawl.STAGE, load("default", given).crawl)
    print(outcome.manifest.counts)


def _run_icrawler(urls: Path, out: Path, threads: int) -> None:
    import logging

    from icrawler.builtin import UrlListCrawler

    crawler = UrlListCrawler(
        downloader_threads=threads, storage={"backend": "FileSystem", "root_dir": str(out)}, log_level=logging.ERROR
    )
    crawler.crawl(read_urls(urls), max_num=0)


if __name__ == "__main__":
    name, urls, out, *rest = sys.argv[1:]
    if name == "fluke":
        _run_fluke(Path(urls).absolute(), Path(out).absolute(), rest)
    else:
        _run_icrawler(Path(urls), Path(out), *map(int, rest))
