"""Each defect of icrawler 0.6.10 that our subclasses mend: what passes with ours must fail with the plain one."""

import logging
import re
import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import icrawler
import numpy as np
import pytest
from icrawler.builtin.google import GoogleParser
from icrawler.feeder import SimpleSEFeeder
from PIL import Image

from configs.schema import CrawlConfig, SearchFilters
from tasks.crawl.engines.engine import Hit, Page, Request, Response
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.search import crawl
from tasks.store.context import StageContext
from tasks.store.errors import UserError

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

HASTY = {"queue_timeout": 0.5}
"""Where a test isn't about its time-outs, plain icrawler needn't wait for them."""


@dataclass(frozen=True)
class Crawled:
    """What came of a crawl."""

    said: Any
    """What it returned."""
    files: dict[str, bytes]
    """All that is in its folder now, by file name."""

    @property
    def photos(self) -> set[bytes]:
        return set(self.files.values())


class Crawl(Protocol):
    """One of the two crawlers."""

    def __call__(
        self, site: Any, keywords: Sequence[str], folder: Path, *, pages: int = 1, patient: bool = False
    ) -> Crawled:
        """Search the site for keywords, `pages` pages of each, and download with one thread what is found."""
        ...


class Feeder(SimpleSEFeeder):
    """icrawler's own, for more than one keyword."""

    def feed(self, keywords: Sequence[str], **how: Any) -> None:
        for keyword in keywords:
            super().feed(keyword=keyword, **how)


def plain(site: Any, keywords: Sequence[str], folder: Path, *, pages: int = 1, patient: bool = False) -> Crawled:
    crawler = icrawler.Crawler(
        Feeder, GoogleParser, icrawler.ImageDownloader, storage={"backend": "FileSystem", "root_dir": str(folder)}
    )
    search = {"url_template": f"{site.url}/{{}}/{{}}", "offset": 0, "max_num": pages, "page_step": 1}
    said = crawler.crawl(
        feeder_kwargs={"keywords": keywords, **search},
        parser_kwargs={"req_timeout": 10} if patient else HASTY,
        downloader_kwargs={"max_num": 0} if patient else {"max_num": 0, **HASTY},
    )
    return Crawled(said, {path.name: path.read_bytes() for path in folder.glob("*")})


class Engine:
    """Reads pages as GoogleParser does."""

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
        keywords={"asked": tuple(keywords), "other": ("other",)},
        threads=1,
        retries=1,
        min_yield=0,
        requests_per_s=10000,
        private_hosts=(urlsplit(site.url).netloc,),
    )
    context = StageContext(folder, folder / "out", folder / "pools", folder / "photos")
    with Ledger(folder / "pools" / "ledger", context.photos) as ledger:
        said = crawl([Engine(site)], config, ledger, context, pause_s=0.001)
    files = {path.name: path.read_bytes() for path in context.photos.rglob("*.*")}
    return Crawled(said, {name: data for name, data in files.items() if data != other})


both = pytest.mark.parametrize(
    "crawl",
    [
        ours,
        pytest.param(
            plain,
            marks=[pytest.mark.xfail(strict=True, raises=(AssertionError, pytest.fail.Exception)), pytest.mark.slow],
        ),
    ],
)
"""Only what a test asserts may fail with the plain one: an error of its own is no proof."""


@pytest.fixture(autouse=True)
def _loggers_as_they_were() -> Iterator[None]:
    level = logging.getLogger("requests").level
    yield
    logging.getLogger("requests").setLevel(level)


def show(site: Any, keyword: str, *pages: Sequence[str]) -> None:
    """Put pages of results on the site; a page is a script with the URLs of the paths."""
    for number, paths in enumerate([*pages, []]):
        urls = "".join(f'["{site.url}{path}"]' for path in paths)
        site.on(f"/{keyword}/{number}", f"<html><script>{urls}</script></html>".encode())


def picture(number: int, kind: str = "JPEG") -> bytes:
    """A photo, 32 px square, with bytes of its own."""
    pixels = np.random.default_rng(number).integers(0, 256, (32, 32, 3), np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def bomb() -> bytes:
    """A PNG of a few bytes that says it has 900 megapixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 30000, 30000, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def late(data: bytes, seconds: float) -> Any:
    """A reply that takes its time."""

    def reply(handler: Any) -> None:
        time.sleep(seconds)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return reply


@pytest.mark.parametrize("crawl", [ours, pytest.param(plain, marks=pytest.mark.slow)])
def test_both_bring_in_photos_as_long_as_nothing_is_amiss(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    show(site, "cat", ["/1.jpg", "/2.jpg"], ["/3.jpg"])
    for number in (1, 2, 3):
        site.on(f"/{number}.jpg", picture(number))
    assert crawl(site, ["cat"], tmp_path, pages=2).photos == {picture(1), picture(2), picture(3)}


@both
def test_a_crawl_says_what_it_brought(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    show(site, "cat", ["/1.jpg", "/gone.jpg"])
    site.on("/1.jpg", picture(1))
    said = crawl(site, ["cat"], tmp_path).said
    assert said is not None
    assert said.counts["dropped (HTTP 404)"] == 1


@both
def test_a_crawl_without_any_photo_is_an_error(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    show(site, "cat", ["/gone.jpg"])
    with pytest.raises(UserError):
        crawl(site, ["cat"], tmp_path)


@both
def test_a_second_crawl_into_the_same_folder_adds_to_it(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    for number, keyword in enumerate(["cat", "kitten"]):
        show(site, keyword, [f"/{number}.jpg"])
        site.on(f"/{number}.jpg", picture(number))
        crawled = crawl(site, [keyword], tmp_path)
    assert crawled.photos == {picture(0), picture(1)}


@both
def test_a_decompression_bomb_takes_no_other_photo_with_it(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    show(site, "cat", ["/bomb.png", "/1.jpg", "/2.jpg"])
    site.on("/bomb.png", bomb())
    site.on("/1.jpg", picture(1))
    site.on("/2.jpg", picture(2))
    assert crawl(site, ["cat"], tmp_path).photos >= {picture(1), picture(2)}


@both
def test_a_truncated_photo_is_not_kept(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    show(site, "cat", ["/1.jpg", "/cut.jpg"])
    site.on("/1.jpg", picture(1))
    site.on("/cut.jpg", picture(2)[:-300])
    assert crawl(site, ["cat"], tmp_path).photos == {picture(1)}


@both
def test_a_file_is_named_after_its_content(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    show(site, "cat", ["/1.jpg"])
    site.on("/1.jpg", picture(1, "WEBP"))
    assert [Path(name).suffix for name in crawl(site, ["cat"], tmp_path).files] == [".webp"]


@both
def test_keywords_arrive_as_they_were_given(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    show(site, "Kätzchen & Co?/#1", ["/1.jpg"])
    site.on("/1.jpg", picture(1))
    assert crawl(site, ["Kätzchen & Co?/#1"], tmp_path).photos == {picture(1)}


@both
def test_a_page_without_results_ends_no_other_search(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    """GoogleParser answers None there, and its thread dies of iterating over it."""
    show(site, "unheard of", [])
    show(site, "cat", ["/1.jpg"])
    site.on("/1.jpg", picture(1))
    assert crawl(site, ["unheard of", "cat"], tmp_path).photos == {picture(1)}


@both
def test_a_server_that_is_busy_for_a_moment_is_asked_again(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    show(site, "cat", ["/1.jpg"])
    site.on("/1.jpg", site.status(503), picture(1))
    assert crawl(site, ["cat"], tmp_path).photos == {picture(1)}


@both
def test_it_says_who_it_is_and_leaves_loggers_alone(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    level = logging.getLogger("requests").level
    show(site, "cat", ["/1.jpg"])
    site.on("/1.jpg", picture(1))
    crawl(site, ["cat"], tmp_path)
    assert not [headers for headers in site.headers if "Mozilla" in headers["User-Agent"]]
    assert logging.getLogger("requests").level == level


@pytest.mark.slow
@both
def test_photos_that_are_found_after_a_gap_of_five_seconds_are_fetched(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    show(site, "cat", ["/1.jpg"], ["/2.jpg"])
    page = f'<html><script>["{site.url}/2.jpg"]</script></html>'.encode()
    site.on("/cat/1", late(page, 6))
    site.on("/1.jpg", picture(1))
    site.on("/2.jpg", picture(2))
    assert crawl(site, ["cat"], tmp_path, pages=2, patient=True).photos == {picture(1), picture(2)}


@both
def test_a_crawl_ends_when_its_work_is_done(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    show(site, "cat", ["/1.jpg"])
    site.on("/1.jpg", picture(1))
    began = time.monotonic()
    crawl(site, ["cat"], tmp_path, patient=True)
    assert time.monotonic() - began < 3


@pytest.mark.slow
@both
def test_photos_that_wait_in_a_full_queue_are_not_dropped(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    """icrawler's queue remembers a task before there is a place for it, and then takes the second try for a repeat."""
    show(site, "cat", [f"/{number}.jpg" for number in range(9)])
    site.on("/0.jpg", late(picture(0), 1.5))
    for number in range(1, 9):
        site.on(f"/{number}.jpg", picture(number))
    assert crawl(site, ["cat"], tmp_path, patient=True).photos == {picture(number) for number in range(9)}
