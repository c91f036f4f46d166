"""A website, crawled from a start URL."""

from dataclasses import replace

import pytest

from configs.schema import SearchFilters
from tasks.crawl.engines.engine import BlockedError, FormatChangedError, Page, PageLimitError, Request
from tasks.crawl.http.client import FetchResult
from tasks.crawl.sources.site import ENGINE
from tasks.store.errors import UserError
from tests.helpers.engine_client import all_pages, get
from tests.helpers.fake_search import FakeSearch

HTML = {"content-type": "text/html; charset=utf-8"}
FIRST = Request("https://a.example/x/")
LATER = Request("https://a.example/x/", {"Referer": "https://a.example/"})


def _read(body: str, request: Request = FIRST, headers: dict[str, str] = HTML) -> Page:
    return ENGINE.parse(request, FetchResult(request.url, 200, headers, body.encode()))


def test_all_pages_of_the_host_are_visited_and_their_images_found(
    fake_search: FakeSearch,
) -> None:
    result = all_pages(ENGINE, f"{fake_search.url}/site/")
    names = [hit.url.removeprefix(f"{fake_search.url}/photos/site/") for hit in result.hits]
    assert names == ["plain.png", "lazy.webp", "l.jpg", "og.jpg", "full.jpg", "p2.webp", "kept.jpg"]
    visited = [one.path for one in fake_search.requests if one.engine == "site"]
    assert visited == [
        "/",
        "/two",
        "/secret",
        "/dead",
        "/away",
        "/two",
        "/three/",
    ]  # the second /two is the target of /away
    assert {hit.page for hit in result.hits} == {
        f"{fake_search.url}/site{path}" for path in ("/", "/two?page=2", "/secret")
    }


def test_a_missing_page_is_an_error_only_at_the_start_url() -> None:
    with pytest.raises(FormatChangedError, match="HTTP 404"):
        ENGINE.parse(FIRST, FetchResult(FIRST.url, 404, HTML, b""))
    for status in (401, 403, 404, 410):
        assert ENGINE.parse(LATER, FetchResult(LATER.url, status, HTML, b"")) == Page(())
    for request in (FIRST, LATER):
        with pytest.raises(BlockedError):
            ENGINE.parse(request, FetchResult(request.url, 429, HTML, b""))


def test_a_redirect_to_another_host_is_followed_only_at_the_start_url() -> None:
    response = FetchResult("https://www.a.example/", 200, HTML, b'<img src="1.jpg"><a href="2">2</a>')
    assert ENGINE.parse(LATER, response) == Page(())
    page = ENGINE.parse(FIRST, response)
    assert [hit.url for hit in page.hits] == ["https://www.a.example/1.jpg"]
    assert [(link.url, link.headers["Referer"]) for link in page.next] == [("https://www.a.example/2", response.url)]


@pytest.mark.parametrize("kind", ["application/pdf", "image/jpeg", "application/json", ""])
def test_other_content_types_have_no_hits(kind: str) -> None:
    assert _read("%PDF <img src=1.jpg>", headers={"content-type": kind}) == Page(())


def test_html_without_a_content_type_is_parsed() -> None:
    assert _read("\n <img src=1.jpg>", headers={}).hits


@pytest.mark.parametrize(
    ("tag", "hits", "links"),
    [
        ('<meta name="robots" content="index, NOAI">', 0, 1),
        ('<meta name=robots content="noimageai">', 0, 1),
        ('<meta name="robots" content="nofollow">', 1, 0),
        ('<meta name="robots" content="none">', 0, 0),
        ('<meta name="description" content="nofollow">', 1, 1),
    ],
)
def test_robots_tags_are_respected(tag: str, hits: int, links: int) -> None:
    page = _read(f'{tag}<img src="1.jpg"><a href="2">2</a>')
    assert (len(page.hits), len(page.next)) == (hits, links)
    header = _read('<img src="1.jpg"><a href="2">2</a>', headers={**HTML, "x-robots-tag": "noai, nofollow"})
    assert (len(header.hits), len(header.next)) == (0, 0)


def test_other_keywords_than_urls_and_all_filters_are_errors() -> None:
    for keyword in ("cat", "//host/x", "ftp://host/", "file:///etc/passwd", "http://", "http://[::1", ""):
        with pytest.raises(UserError, match="is not a start URL"):
            ENGINE.build_request(keyword, SearchFilters())
    with pytest.raises(UserError, match="site doesn't support it; it supports no filters"):
        ENGINE.build_request("https://a.example", SearchFilters(size="large"))
    assert (
        ENGINE.build_request(" https://a.example/ü?x=ü#top ", SearchFilters()).url
        == "https://a.example/%C3%BC?x=%C3%BC"
    )


def test_an_empty_page_is_not_an_error(fake_search: FakeSearch) -> None:
    response = replace(get(Request(f"{fake_search.url}/site/")), body=b"")
    assert ENGINE.parse(FIRST, response) == Page([], [])


@pytest.mark.slow
def test_a_page_with_too_many_links_images_or_candidates_is_over_a_limit() -> None:
    for piece, why in (
        ("<a href=/%d>x</a>", "different links"),
        ("<img src=%d.jpg>", "different images"),
        ("<img srcset='%d.jpg 1w,b.jpg 2w,,,,,,,,,'>", "images in srcset"),
    ):
        with pytest.raises(PageLimitError, match=why):
            _read("".join(piece % number for number in range(25_000)))
    assert len(_read("<a href=/1>x</a><img src=1.jpg>" * 25_000).next) == 1
