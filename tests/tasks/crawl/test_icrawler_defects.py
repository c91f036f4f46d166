"""Each defect of icrawler 0.6.10 that our subclasses correct: a test passes with ours and fails with the plain one."""

import logging
import queue
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
from tasks.crawl.policy import CrawlPolicy
from tasks.crawl.search import crawl
from tasks.store.context import StageContext
from tasks.store.errors import UserError

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

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
"""With the plain crawler only an assertion may fail: another error proves nothing."""


@pytest.fixture(autouse=True)
def _restore_loggers() -> Iterator[None]:
    level = logging.getLogger("requests").level
    yield
    logging.getLogger("requests").setLevel(level)


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
    """Return a PNG of a few bytes whose header says 900 megapixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 30000, 30000, 1, 0, 0, 0, 0)
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


@pytest.mark.parametrize("crawl", [ours, pytest.param(plain, marks=pytest.mark.slow)])
def test_both_download_photos_if_nothing_fails(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    show(site, "cat", ["/1.jpg", "/2.jpg"], ["/3.jpg"])
    for number in (1, 2, 3):
        site.on(f"/{number}.jpg", picture(number))
    assert crawl(site, ["cat"], tmp_path, pages=2).photos == {picture(1), picture(2), picture(3)}


@both
def test_a_crawl_returns_counts(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    show(site, "cat", ["/1.jpg", "/gone.jpg"])
    site.on("/1.jpg", picture(1))
    returned = crawl(site, ["cat"], tmp_path).returned
    assert returned is not None
    assert returned.counts["dropped (HTTP 404)"] == 1


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
def test_a_decompression_bomb_loses_no_other_photo(crawl: Crawl, site: Any, tmp_path: Path) -> None:
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
def test_keywords_are_sent_unchanged(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    show(site, "Kätzchen & Co?/#1", ["/1.jpg"])
    site.on("/1.jpg", picture(1))
    assert crawl(site, ["Kätzchen & Co?/#1"], tmp_path).photos == {picture(1)}


@both
def test_a_page_without_results_ends_no_other_search(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    """GoogleParser returns None there, and its thread ends with a TypeError."""
    show(site, "unheard of", [])
    show(site, "cat", ["/1.jpg"])
    site.on("/1.jpg", picture(1))
    assert crawl(site, ["unheard of", "cat"], tmp_path).photos == {picture(1)}


@both
def test_a_request_to_a_busy_server_is_retried(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    show(site, "cat", ["/1.jpg"])
    site.on("/1.jpg", site.status(503), picture(1))
    assert crawl(site, ["cat"], tmp_path).photos == {picture(1)}


@both
def test_requests_name_the_crawler_and_loggers_are_not_changed(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    level = logging.getLogger("requests").level
    show(site, "cat", ["/1.jpg"])
    site.on("/1.jpg", picture(1))
    crawl(site, ["cat"], tmp_path)
    assert not [headers for headers in site.headers if "Mozilla" in headers["User-Agent"]]
    assert logging.getLogger("requests").level == level


@pytest.mark.slow
@both
def test_photos_found_after_a_gap_of_five_seconds_are_downloaded(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    show(site, "cat", ["/1.jpg"], ["/2.jpg"])
    page = f'<html><script>["{site.url}/2.jpg"]</script></html>'.encode()
    site.on("/cat/1", late(page, 6))
    site.on("/1.jpg", picture(1))
    site.on("/2.jpg", picture(2))
    assert crawl(site, ["cat"], tmp_path, pages=2, patient=True).photos == {picture(1), picture(2)}


@both
def test_a_crawl_ends_when_its_work_is_done(
    crawl: Crawl, site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """icrawler's threads end after they have waited in vain for more work, for seconds."""
    timeouts = []
    get = queue.Queue.get

    def get_and_count(self: queue.Queue[Any], *args: Any, **how: Any) -> Any:
        try:
            return get(self, *args, **how)
        except queue.Empty:
            if how.get("timeout") is not None:  # urllib3's pool of connections never waits
                timeouts.append(how)
            raise

    monkeypatch.setattr(queue.Queue, "get", get_and_count)
    show(site, "cat", ["/1.jpg"])
    site.on("/1.jpg", picture(1))
    crawl(site, ["cat"], tmp_path)
    assert not timeouts


@pytest.mark.slow
@both
def test_photos_waiting_for_a_full_queue_are_not_dropped(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    """icrawler's queue records a task before it has room for it, and then rejects the retry as a duplicate."""
    show(site, "cat", [f"/{number}.jpg" for number in range(9)])
    site.on("/0.jpg", late(picture(0), 1.5))
    for number in range(1, 9):
        site.on(f"/{number}.jpg", picture(number))
    assert crawl(site, ["cat"], tmp_path, patient=True).photos == {picture(number) for number in range(9)}
