"""The same crawl by plain icrawler and by our subclasses, and a site for it."""

import re
import struct
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import icrawler
import numpy as np
from icrawler.builtin.google import GoogleParser
from icrawler.feeder import SimpleSEFeeder
from PIL import Image

from configs.schema import CrawlConfig, SearchFilters
from tasks.crawl.engines.engine import Hit, Page, Request, Response
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.policy import CrawlPolicy
from tasks.crawl.search import crawl
from tasks.store.context import StageContext

HASTY = {"queue_timeout": 0.5}
"""Shorter time-outs for plain icrawler, in tests that aren't about them."""


@dataclass(frozen=True)
class Crawled:
    """The outcome of a crawl."""

    returned: Any
    """What it returned."""
    files: dict[str, bytes]
    """All files in its folder afterwards, by name."""

    @property
    def photos(self) -> set[bytes]:
        return set(self.files.values())


class Crawl(Protocol):
    """One of the two crawlers."""

    def __call__(
        self, site: Any, keywords: Sequence[str], folder: Path, *, pages: int = 1, patient: bool = False
    ) -> Crawled:
        """Search the site for keywords, `pages` pages of each, and download the results with one thread.

        patient: whether plain icrawler keeps its own time-outs.
        """
        ...


class Feeder(SimpleSEFeeder):
    """icrawler's feeder, for several keywords."""

    def feed(self, keywords: Sequence[str], **how: Any) -> None:
        for keyword in keywords:
            super().feed(keyword=keyword, **how)


def plain(site: Any, keywords: Sequence[str], folder: Path, *, pages: int = 1, patient: bool = False) -> Crawled:
    crawler = icrawler.Crawler(
        Feeder, GoogleParser, icrawler.ImageDownloader, storage={"backend": "FileSystem", "root_dir": str(folder)}
    )
    search = {"url_template": f"{site.url}/{{}}/{{}}", "offset": 0, "max_num": pages, "page_step": 1}
    returned = crawler.crawl(
        feeder_kwargs={"keywords": keywords, **search},
        parser_kwargs={"req_timeout": 10} if patient else HASTY,
        downloader_kwargs={"max_num": 0} if patient else {"max_num": 0, **HASTY},
    )
    return Crawled(returned, {path.name: path.read_bytes() for path in folder.glob("*")})


class Engine:
    """Parses pages as GoogleParser does."""

    name = "test"
    canary = "cat"
    is_api = False

    def __init__(self, site: Any) -> None:
        self.site = site

    def build_request(self, query: str, filters: SearchFilters) -> Request:
        return Request(self.page_url(query, 0))

    def parse(self, request: Request, response: Response) -> Page:
        hits = self.hits_in(response.body)
        before, number = request.url.rsplit("/", 1)
        return Page(hits, [Request(f"{before}/{int(number) + 1}")] if hits else [])

    def page_url(self, keyword: str, page: int) -> str:
        return f"{self.site.url}/{quote(keyword, safe='')}/{page}"

    def hits_in(self, body: bytes) -> list[Hit]:
        return [Hit(url) for url in re.findall(r'"(http[^"]+)"', body.decode())]


def ours(site: Any, keywords: Sequence[str], folder: Path, *, pages: int = 1, patient: bool = False) -> Crawled:
    other = picture(999)
    show(site, "other", ["/other.jpg"])  # a crawl needs two classes
    site.on("/other.jpg", other)
    config = CrawlConfig(
        sources="test",
        keywords={"searched": tuple(keywords), "other": ("other",)},
        threads=1,
        retries=1,
        min_yield=0,
        requests_per_s=10000,
        private_hosts=(urlsplit(site.url).netloc,),
    )
    context = StageContext(folder, folder / "out", folder / "pools", folder / "photos")
    with Ledger(folder / "pools" / "ledger", context.photos) as ledger:
        returned = crawl([Engine(site)], config, ledger, context, CrawlPolicy(retry_pause_s=0.001))
    files = {path.name: path.read_bytes() for path in context.photos.rglob("*.*")}
    return Crawled(returned, {name: data for name, data in files.items() if data != other})


def show(site: Any, keyword: str, *pages: Sequence[str]) -> None:
    """Put pages of results on the site; a page is a script with the URLs of the paths."""
    for number, paths in enumerate([*pages, []]):
        urls = "".join(f'["{site.url}{path}"]' for path in paths)
        site.on(f"/{keyword}/{number}", f"<html><script>{urls}</script></html>".encode())


def picture(number: int, kind: str = "JPEG") -> bytes:
    """Return a photo of 32x32 pixels that is different for each number."""
    pixels = np.random.default_rng(number).integers(0, 256, (32, 32, 3), np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def bomb() -> bytes:
    """Return a PNG of a few bytes whose header says 1,600 megapixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 40000, 40000, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def late(data: bytes, seconds: float) -> Any:
    """Return a reply that is sent after some seconds."""

    def reply(handler: Any) -> None:
        time.sleep(seconds)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return reply
