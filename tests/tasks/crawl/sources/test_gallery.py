"""The demo's source: its engine, and a crawl of its site."""

from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pytest

from configs.schema import CrawlConfig, SearchFilters
from tasks.crawl.demo import server as gallery_site
from tasks.crawl.engines.engine import BlockedError, FormatChangedError, Page
from tasks.crawl.http.client import FetchResult
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.result import CrawlResult
from tasks.crawl.sources import gallery
from tasks.store.context import StageContext


def test_the_engine_quotes_keywords_and_parses_links() -> None:
    engine = gallery.Gallery("http://host")
    request = engine.build_request("a & b/ü", SearchFilters())
    assert request.url == "http://host/search?q=a+%26+b%2F%C3%BC&page=0"
    body = b'<ul><a class="photo" href="/p/1.jpg" data-licence="CC0">1</a><a class="photo">2</a><a href="/x">3</a></ul>'
    page = engine.parse(request, FetchResult(request.url, 200, {}, body))
    assert [(hit.url, hit.licence) for hit in page.hits] == [("/p/1.jpg", "CC0")]
    assert [more.url for more in page.next] == ["http://host/search?q=a+%26+b%2F%C3%BC&page=1"]
    assert engine.parse(request, FetchResult(request.url, 200, {}, b"<ul></ul>")) == Page([], [])


def test_a_page_without_a_list_is_not_taken_for_no_results() -> None:
    request = gallery.Gallery("http://host").build_request("cat", SearchFilters())
    with pytest.raises(FormatChangedError):
        gallery.Gallery("http://host").parse(request, FetchResult(request.url, 200, {}, b"<html>nothing found"))
    with pytest.raises(BlockedError, match="HTTP 503"):
        gallery.Gallery("http://host").parse(request, FetchResult(request.url, 503, {}, b""))


@pytest.mark.slow
def test_a_second_crawl_requests_no_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: Counter[str] = Counter()
    answer = gallery_site.Handler.do_GET

    def count(handler: gallery_site.Handler) -> None:
        requests[unquote(handler.path)] += 1
        answer(handler)

    monkeypatch.setattr(gallery_site.Handler, "do_GET", count)
    keywords = {"eight": ("handwritten eight", "scanned eight"), "nine": ("digit nine",)}
    config = CrawlConfig(sources="gallery", keywords=keywords, port=18765)
    context = StageContext(tmp_path, tmp_path / "out", tmp_path / "pools", tmp_path / "photos")

    def crawl() -> CrawlResult:
        with Ledger(tmp_path / "ledger", context.photos) as ledger:
            return gallery.collect(config, ledger, context)

    first = crawl()
    photos = {path: count for path, count in requests.items() if path.startswith(gallery_site.PHOTOS)}
    assert len(photos) == first.counts["found"] == first.counts["dropped"] + first.counts["fetched"]
    assert set(photos.values()) == {1}
    assert {row.licence for row in first.rows} == {"CC BY 4.0"}
    requests.clear()
    second = crawl()
    assert second.rows == first.rows
    assert not [path for path in requests if path.startswith(gallery_site.PHOTOS)]
