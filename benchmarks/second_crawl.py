"""Measure the cost of a second crawl: 1,000 photos found through search pages, then again with 1 % new results.

    .venv/bin/python benchmarks/second_crawl.py [--photos 1000] [--latency-ms 0] [--crawls 3]
        [--settings SETTING=VALUE ...]

The site counts requests and bytes. The new photos are at random positions among the results. From the third crawl on,
nothing has changed since the crawl before, so these crawls measure the cost of searching alone.
"""

import argparse
import re
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import urlopen

from benchmarks.measure import scratch
from benchmarks.photo_site import CLASSES, counts, gallery
from configs.load import load
from configs.schema import SearchFilters
from tasks.crawl.engines.engine import Hit, Page, Request, Response
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.result import CrawlResult
from tasks.crawl.search import crawl
from tasks.store.context import StageContext


@dataclass(frozen=True)
class Engine:
    """The search of the site."""

    site: str
    name: str = "gallery"
    canary: str = CLASSES[0]
    is_api: bool = True

    def build_request(self, query: str, filters: SearchFilters) -> Request:
        return self._page(query, 0)

    def parse(self, request: Request, response: Response) -> Page:
        hits = [Hit(url) for url in re.findall(r'class="photo" href="([^"]+)"', response.body.decode())]
        asked = parse_qs(urlsplit(request.url).query)
        return Page(hits, [self._page(asked["q"][0], int(asked["page"][0]) + 1)] if hits else [])

    def _page(self, query: str, number: int) -> Request:
        return Request(f"{self.site}/search?{urlencode({'q': query, 'page': number})}")


def crawl_site(site: str, home: Path, settings: list[str]) -> CrawlResult:
    """Crawl the site once; `home` contains the results of earlier crawls."""
    host = urlsplit(site).netloc
    polite = ["crawl.requests_per_s=10000", "crawl.connections_per_host=16", f"crawl.private_hosts=[{host}]"]
    keywords = ", ".join(f"{label}: [{label}]" for label in CLASSES)
    config = load("default", ["crawl.sources=gallery", f"crawl.keywords={{{keywords}}}", *polite, *settings]).crawl
    context = StageContext(home, home / "out", home / "pools", home / "photos")
    with Ledger(home / "pools" / "ledger.sqlite", context.photos) as ledger:
        return crawl([Engine(site)], config, ledger, context)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--crawls", type=int, default=3)
    parser.add_argument("--settings", nargs="*", default=[], help="further settings, such as crawl.per_class=500")
    options = parser.parse_args()

    print("| crawl | photos of the site | kept | requests | MB | share of the first crawl's bytes | s |")
    print("|---|---|---|---|---|---|---|")
    first_bytes = 0.0
    there = options.photos
    with scratch() as home, gallery(options.latency_ms / 1000, options.photos) as site:
        for number in range(1, options.crawls + 1):
            if number == 2:
                there += int(urlopen(f"{site}/add-results").read())
                counts(site)
            began = monotonic()
            result = crawl_site(site, home, options.settings)
            seconds = monotonic() - began
            served = counts(site)
            first_bytes = first_bytes or served["bytes"]
            print(
                f"| {number} | {there:,} | {len({row.photo for row in result.rows}):,} | {served['requests']:,} "
                f"| {served['bytes'] / 1e6:.2f} | {served['bytes'] / first_bytes:.2%} | {seconds:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
