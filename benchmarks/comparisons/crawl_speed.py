"""Compare the speed of fluke's crawl stage, plain icrawler and img2dataset, on the same site on this machine.

    .venv/bin/python benchmarks/comparisons/crawl_speed.py --img2dataset VENV [--photos 1000 10000]
        [--latency-ms 0 100] [--repeats 3]

VENV is the virtual environment of img2dataset (README.md says how to make it). Each crawler runs in its own process,
alternately, and is timed from start to end, with its imports and its waiting at the end. "Photos/s" is kept photos
divided by these seconds. "While fetching" is requests divided by the seconds between the site's first and last
response. The CPU time is that of the crawler alone. The site is another process on the same cores; the script first
prints how many photos it can send alone.
"""

import argparse
import socket
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.comparisons.crawl_tools import Crawler, fluke, icrawler, img2dataset, write_urls
from benchmarks.measure import TreeCost, run_tree, scratch
from benchmarks.photo_site import counts, gallery, photo_digests, photo_urls

DIRECT = {"no_proxy": "127.0.0.1,localhost", "NO_PROXY": "127.0.0.1,localhost"}
_TRIED = ((1, 16), (1, 64), (2, 16), (2, 64), (2, 128), (4, 64))
"""Processes and threads of img2dataset; the fastest at each latency is compared."""


@dataclass(frozen=True)
class Figures:
    """The measurements of one crawl."""

    cost: TreeCost
    fetching_s: float
    requests: int
    kept: int
    """Number of photos with the same bytes as on the site."""

    @property
    def photos_per_s(self) -> float:
        return self.kept / self.cost.seconds


def crawl(crawler: Crawler, photos: int, latency_s: float) -> Figures:
    """Crawl a newly started site into an empty folder."""
    with scratch() as home, gallery(latency_s) as site:
        urls, out, log = home / "urls.csv", home / "out", home / "log"
        write_urls(urls, photo_urls(site, photos))
        cost = run_tree(crawler.command(urls, out), log, environment=DIRECT)
        if cost.status:
            raise SystemExit(f"{crawler.name} ended with status {cost.status}:\n{log.read_text()[-2000:]}")
        served = counts(site)
        kept = photo_digests(photos).intersection(crawler.collect(out, log).digests)
        return Figures(cost, served["seconds"], int(served["requests"]), len(kept))


def fastest(venv: Path, photos: int, latency_s: float, *, decoded: bool) -> tuple[int, int]:
    """Find the numbers of processes and threads with which img2dataset takes the least time."""
    seconds = {
        tried: crawl(img2dataset(venv, *tried, photos, decoded=decoded), photos, latency_s).cost.seconds
        for tried in _TRIED
    }
    tries = ", ".join(f"{processes} x {threads}: {seconds[processes, threads]:.1f} s" for processes, threads in seconds)
    kind = "decoded" if decoded else "undecoded"
    print(f"img2dataset, {kind}, {photos:,} photos, {1000 * latency_s:.0f} ms: {tries}", flush=True)
    return min(seconds, key=lambda tried: seconds[tried])


def site_alone(latency_s: float, connections: int, seconds: float = 2.0) -> float:
    """Measure the photos per second that the site sends to clients that discard them."""
    with gallery(latency_s) as site:
        address = urlsplit(site)
        clients = [socket.create_connection((address.hostname, address.port)) for _ in range(connections)]
        buffer = bytearray(1 << 20)
        answered, began = 0, time.monotonic()
        while time.monotonic() - began < seconds:
            for number, client in enumerate(clients):
                client.sendall(f"GET /photos/{answered + number}.jpg HTTP/1.1\r\nHost: gallery\r\n\r\n".encode())
            for client in clients:
                received = client.recv_into(buffer)
                head = bytes(buffer[:200]).partition(b"\r\n\r\n")[0]
                length = len(head) + 4 + int(head.rpartition(b": ")[2])
                while received < length:
                    received += client.recv_into(buffer)
                answered += 1
        for client in clients:
            client.close()
        return answered / (time.monotonic() - began)


def row(crawler: Crawler, photos: int, latency_s: float, runs: Sequence[Figures]) -> str:
    """Return a row of the table: medians, and the range of the speed."""

    def middle(value: Callable[[Figures], float]) -> float:
        return statistics.median(map(value, runs))

    speeds = [run.photos_per_s for run in runs]
    cells = [
        crawler.name,
        f"{photos:,}",
        f"{1000 * latency_s:.0f}",
        f"{statistics.median(speeds):.0f} ({min(speeds):.0f}-{max(speeds):.0f})",
        f"{middle(lambda run: run.requests / (run.fetching_s or 1)):.0f}",
        f"{middle(lambda run: run.cost.seconds):.1f}",
        f"{middle(lambda run: run.cost.cpu_s):.1f}",
        f"{max(run.cost.peak_mb for run in runs):.0f}",
        f"{min(run.kept for run in runs):,}",
    ]
    return f"| {' | '.join(cells)} |"


def compared(options: argparse.Namespace, latency_s: float) -> Iterator[Callable[[int], Crawler]]:
    """Yield a factory of each crawler, by the number of photos; img2dataset gets its fastest settings."""
    if "fluke" not in options.without:
        yield from (always(fluke(threads, options.settings)) for threads in options.fluke_threads)
    if "icrawler" not in options.without:
        yield always(icrawler())
    if options.img2dataset:
        for decoded in (True, False):
            processes, threads = fastest(options.img2dataset, options.tried_photos, latency_s, decoded=decoded)
            yield partial(img2dataset, options.img2dataset, processes, threads, decoded=decoded)


def always(crawler: Crawler) -> Callable[[int], Crawler]:
    """Return a function that makes the same crawler for any number of photos."""
    return lambda photos: crawler


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--latency-ms", type=float, nargs="+", default=[0, 100])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--fluke-threads", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--settings", nargs="*", default=[], help="settings of fluke, such as crawl.robots=nowhere")
    parser.add_argument("--img2dataset", type=Path, metavar="VENV", help="without it, img2dataset is left out")
    parser.add_argument(
        "--tried-photos", type=int, default=2000, help="photos of the crawls that search for its best number of threads"
    )
    parser.add_argument("--without", nargs="*", default=[], choices=["fluke", "icrawler"])
    options = parser.parse_args()

    alone = {0.0: 16} | {milliseconds / 1000: 512 for milliseconds in options.latency_ms if milliseconds}
    for latency_s, connections in alone.items():
        speed = site_alone(latency_s, connections)
        print(f"The site alone, {1000 * latency_s:.0f} ms, {connections} connections: {speed:,.0f} photos/s")
    print()
    makers = {ms / 1000: list(compared(options, ms / 1000)) for ms in options.latency_ms}
    print(
        "\n| crawler | photos | latency, ms | photos/s (range) | while fetching | s | CPU, s | peak memory, MB | kept |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for photos in options.photos:
        for latency_s, made in makers.items():
            crawlers = [make(photos) for make in made]
            runs = [[crawl(crawler, photos, latency_s) for crawler in crawlers] for _ in range(options.repeats)]
            for crawler, figures in zip(crawlers, zip(*runs, strict=True), strict=True):
                print(row(crawler, photos, latency_s, figures), flush=True)


if __name__ == "__main__":
    main()
