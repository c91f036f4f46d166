"""One site crawled greedily."""

from dataclasses import replace

import pytest

from configs.schema import SearchFilters
from tasks.crawl.engines.engine import Answer, ChangedError, Page, RefusedError, Request
from tasks.crawl.sources.site import ENGINE
from tasks.store.errors import UserError
from tests.helpers.asking import all_pages, get
from tests.helpers.standin import StandIn

HTML = {"content-type": "text/html; charset=utf-8"}
FIRST = Request("https://a.example/x/")
LATER = Request("https://a.example/x/", {"Referer": "https://a.example/"})


def _read(body: str, request: Request = FIRST, headers: dict[str, str] = HTML) -> Page:
    return ENGINE.read(request, Answer(request.url, 200, headers, body.encode()))


def test_all_pages_of_the_host_are_visited_and_their_pictures_found_at_their_largest(standin: StandIn) -> None:
    asked = all_pages(ENGINE, f"{standin.url}/site/")
    names = [hit.url.removeprefix(f"{standin.url}/photos/site/") for hit in asked.hits]
    assert names == ["plain.png", "lazy.webp", "l.jpg", "og.jpg", "full.jpg", "p2.webp", "kept.jpg"]
    visited = [one.path for one in standin.asked if one.engine == "site"]
    assert visited == [
        "/",
        "/two",
        "/secret",
        "/dead",
        "/away",
        "/two",
        "/three/",
    ]  # the second /two is away
    assert {hit.page for hit in asked.hits} == {f"{standin.url}/site{path}" for path in ("/", "/two?page=2", "/secret")}


def test_only_the_page_to_begin_at_fails_for_being_gone() -> None:
    with pytest.raises(ChangedError, match="HTTP 404"):
        ENGINE.read(FIRST, Answer(FIRST.url, 404, HTML, b""))
    for status in (401, 403, 404, 410):
        assert ENGINE.read(LATER, Answer(LATER.url, status, HTML, b"")) == Page(())
    for request in (FIRST, LATER):
        with pytest.raises(RefusedError):
            ENGINE.read(request, Answer(request.url, 429, HTML, b""))


def test_a_link_that_leads_to_another_host_brings_nothing_but_the_beginning_may_move() -> None:
    answer = Answer("https://www.a.example/", 200, HTML, b'<img src="1.jpg"><a href="2">2</a>')
    assert ENGINE.read(LATER, answer) == Page(())
    page = ENGINE.read(FIRST, answer)
    assert [hit.url for hit in page.hits] == ["https://www.a.example/1.jpg"]
    assert [(link.url, link.headers["Referer"]) for link in page.next] == [("https://www.a.example/2", answer.url)]


@pytest.mark.parametrize("kind", ["application/pdf", "image/jpeg", "application/json", ""])
def test_what_is_no_html_brings_nothing(kind: str) -> None:
    assert _read("%PDF <img src=1.jpg>", headers={"content-type": kind}) == Page(())


def test_html_without_a_type_is_read() -> None:
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


def test_a_keyword_that_is_no_address_and_any_filter_is_refused() -> None:
    for keyword in ("cat", "//host/x", "ftp://host/", "file:///etc/passwd", "http://", "http://[::1", ""):
        with pytest.raises(UserError, match="is no address of a page to begin at"):
            ENGINE.first(keyword, SearchFilters())
    with pytest.raises(UserError, match="site doesn't offer that; it offers no filter at all"):
        ENGINE.first("https://a.example", SearchFilters(size="large"))
    assert ENGINE.first(" https://a.example/ü?x=ü#top ", SearchFilters()).url == "https://a.example/%C3%BC?x=%C3%BC"


def test_a_page_of_nothing_is_no_error(standin: StandIn) -> None:
    answer = replace(get(Request(f"{standin.url}/site/")), body=b"")
    assert ENGINE.read(FIRST, answer) == Page([], [])
