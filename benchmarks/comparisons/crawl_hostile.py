"""Compare crawlers on a hostile site: which ones survive, and what they keep (fluke, plain icrawler, img2dataset).

    .venv/bin/python benchmarks/comparisons/crawl_hostile.py [--img2dataset VENV] [--limit-s 600]
        [--settings crawl.timeout_s=5 ...]

`hostile_links.py` lists the links of the site. Each crawler gets the same links in the same order. A crawler that is
still running at the time limit is stopped; the photos that it has by then count. Photos are identified by SHA-256.

    .venv/bin/python benchmarks/comparisons/crawl_hostile.py --pages

measures instead what fluke needs to parse single hostile pages of 10 MB, each in a process of its own.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.comparisons.crawl_speed import DIRECT
from benchmarks.comparisons.crawl_tools import Collected, Crawler, fluke, icrawler, img2dataset, write_urls
from benchmarks.comparisons.hostile_links import Kind, kinds
from benchmarks.comparisons.hostile_site import Site, serve
from benchmarks.measure import TreeCost, run_tree, scratch

_UNKNOWN = "something else"
_PAGE_BYTES = 10_000_000


@dataclass(frozen=True)
class Outcome:
    """What one crawler cost and kept, and what it asked the site for."""

    cost: TreeCost
    collected: Collected
    site: Site

    @property
    def kept(self) -> Counter[str]:
        """Number of different files that it kept, by kind of link."""
        known = self.site.contents | self.site.good
        return Counter(known.get(digest, _UNKNOWN) for digest in set(self.collected.digests))

    @property
    def attempted(self) -> int:
        """Number of links that it requested."""
        return len({url.partition(f":{self.site.port}")[2] for url in self.site.urls} & set(self.site.asked))


def crawl(crawler: Crawler, limit_s: float) -> Outcome:
    """Crawl a newly started site."""
    with scratch() as home, serve(kinds()) as site:
        urls, out, log = home / "urls.csv", home / "out", home / "log"
        write_urls(urls, site.urls)
        cost = run_tree(crawler.command(urls, out), log, limit_s, DIRECT)
        collected = crawler.collect(out, log) if out.exists() else Collected([])
        if cost.status:
            print(f"{crawler.name} ended with status {cost.status}:\n{log.read_text(errors='replace')[-2000:]}\n")
        return Outcome(cost, collected, site)


def summary(name: str, outcome: Outcome, limit_s: float) -> str:
    """Return a row of the first table."""
    status, kept, good = outcome.cost.status, outcome.kept, Counter(outcome.site.good.values())
    kept_good = sum(kept[kind] for kind in good)
    cells = [
        name,
        f"{outcome.attempted} of {len(outcome.site.urls)}",
        f"stopped after {limit_s:.0f} s" if status is None else "yes" if status == 0 else f"no: status {status}",
        f"{outcome.cost.seconds:.0f}",
        f"{outcome.cost.peak_mb:.0f}",
        f"{sum(outcome.site.asked.values())}",
        f"{outcome.site.trapped}",
        f"{kept_good} of {good.total()}",
        f"{kept.total() - kept_good}",
        ", ".join(f"{count} x {reason}" for reason, count in outcome.collected.dropped.most_common()) or "nothing",
    ]
    return f"| {' | '.join(cells)} |"


def by_kind(kind: Kind, outcomes: list[Outcome]) -> str:
    """Return a row of the second table."""
    of = f" of {1 if kind.same else kind.links}" if kind.good else ""
    kept = " | ".join(f"{outcome.kept[kind.name]}{of}" for outcome in outcomes)
    return f"| {kind.name} | {kind.links} | {'all' if kind.good else 'none'} | {kept} |"


def _filled(piece: bytes, before: bytes = b"", after: bytes = b"") -> bytes:
    return before + piece * (_PAGE_BYTES // len(piece)) + after


def _numbered(piece: bytes, before: bytes = b"", after: bytes = b"") -> bytes:
    return before + b"".join(piece % number for number in range(_PAGE_BYTES // (len(piece) + 4))) + after


PAGES: dict[str, Callable[[], bytes]] = {
    "`<b>`, never closed": lambda: _filled(b"<b>"),
    "`<div>`, never closed": lambda: _filled(b"<div>"),
    "`<table><tr><td>` in each other": lambda: _filled(b"<table><tr><td>"),
    "`<form><input>`": lambda: _filled(b"<form><input>"),
    "links": lambda: _numbered(b"<a href=/%d></a>"),
    "images": lambda: _numbered(b"<img src=%d.jpg>"),
    "19,999 long links": lambda: b"".join(b"<a href=/%d?a=%s>" % (number, b"x" * 480) for number in range(19_999)),
    "candidates in one srcset": lambda: _numbered(b"%d.jpg 1w,", b"<img srcset='", b"'>"),
    "candidates in many srcsets": lambda: _filled(b"<img srcset='" + b"a.jpg 1w," * 1_500 + b"'>"),
    "attributes of one tag": lambda: _numbered(b"a%d=1 ", b"<a ", b">"),
    "attributes of one tag, with slashes": lambda: _numbered(b"%d/", b"<a ", b">"),
    "20,000 x `<b>`, then `</i>`": lambda: _filled(b"</i>", b"<b>" * 20_000),
    "`<`": lambda: _filled(b"<"),
    "`<!--`, never closed": lambda: _filled(b"<!--"),
    "`<meta `, never closed": lambda: _filled(b"<meta "),
    "`&amp;`": lambda: _filled(b"&amp;"),
    "NUL": lambda: _filled(b"\0"),
    "one string of 10 MB": lambda: _filled(b"x", b"<img src='"),
    "UTF-16 of `<b>`": lambda: _filled("<b>".encode("utf-16-le"), b"\xff\xfe"),
    "host names of combining characters": lambda: _filled(("<a href=http://h" + "\u0301\u0323" * 2_000 + ">").encode()),
}
"""Hostile pages, by what they consist of."""


def parse_page(name: str) -> str:
    """Parse a page as the source `site` does; returns seconds of CPU time, additional peak memory and the outcome."""
    from tasks.crawl.engines.engine import EngineError, Request
    from tasks.crawl.http.client import FetchResult
    from tasks.crawl.sources.site import ENGINE

    response = FetchResult("http://a.example/", 200, {"content-type": "text/html"}, PAGES[name]())
    ENGINE.parse(Request(response.url), FetchResult(response.url, 200, response.headers, b"<p>"))  # import everything
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.process_time()
    try:
        page = ENGINE.parse(Request(response.url), response)
        outcome = f"{len(page.hits):,} images, {len(page.next):,} links"
    except EngineError as error:
        outcome = str(error)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{time.process_time() - began:.1f} | {peak_mb - before_mb:.0f} | {outcome}"


def parse_pages(limit_s: float) -> None:
    """Print a table of what each page costs."""
    print("| 10 MB of | CPU, s | memory, MB | outcome |\n|---|---|---|---|")
    for name in PAGES:
        try:
            done = subprocess.run(
                [sys.executable, __file__, "--page", name], capture_output=True, text=True, timeout=limit_s, check=False
            )
            cost = done.stdout.strip() or f"– | – | ended with status {done.returncode}"
        except subprocess.TimeoutExpired:
            cost = f"more than {limit_s:.0f} | – | stopped"
        print(f"| {name} | {cost} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit-s", type=float, default=600)
    parser.add_argument("--settings", nargs="*", default=[], help="further settings of fluke")
    parser.add_argument("--img2dataset", type=Path, metavar="VENV", help="without it, img2dataset is left out")
    parser.add_argument("--without", nargs="*", default=[], choices=["fluke", "icrawler"])
    parser.add_argument("--pages", action="store_true", help="parse hostile pages instead")
    parser.add_argument("--page", choices=PAGES, help="parse one hostile page in this process")
    options = parser.parse_args()
    if options.page:
        print(parse_page(options.page))
        return
    if options.pages:
        parse_pages(options.limit_s)
        return

    crawlers = []
    if "fluke" not in options.without:
        crawlers.append(fluke(16, ["crawl.min_yield=0", *options.settings]))
    if "icrawler" not in options.without:
        crawlers.append(icrawler())
    if options.img2dataset:
        links = sum(kind.links for kind in kinds())
        crawlers += [img2dataset(options.img2dataset, 2, 16, links, decoded=decoded) for decoded in (True, False)]
    outcomes = []
    print(
        "| crawler | attempted | survived | s | peak memory, MB | requests | on the other port | good photos kept "
        "| bad kept | dropped, as it reports |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    for crawler in crawlers:
        outcomes.append(crawl(crawler, options.limit_s))
        print(summary(crawler.name, outcomes[-1], options.limit_s), flush=True)
    print("\nDifferent files that each crawler kept, by kind of link:\n")
    print(f"| links | count | to keep | {' | '.join(crawler.name for crawler in crawlers)} |")
    print("|---|---|---|" + "---|" * len(crawlers))
    for kind in [*kinds(), Kind(_UNKNOWN, False, 0, kinds()[0].behave)]:
        print(by_kind(kind, outcomes))


if __name__ == "__main__":
    main()
