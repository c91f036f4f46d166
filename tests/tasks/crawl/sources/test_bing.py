"""Bing: the JSON in its links, and the end of its results."""

from urllib.parse import parse_qs, urlsplit

import pytest

from configs.schema import SearchFilters
from tasks.crawl.engines.engine import BlockedError, FormatChangedError, Page, Request
from tasks.crawl.http.client import FetchResult
from tasks.crawl.sources.bing import ENGINE
from tests.helpers.engine_client import first_page, get
from tests.helpers.fake_search import FakeSearch

SECOND = Request("https://www.bing.com/images/async?q=cat&first=36")


def _read(body: bytes, request: Request = SECOND) -> Page:
    return ENGINE.parse(request, FetchResult(request.url, 200, {}, body))


def test_photos_of_all_formats_are_found_with_their_pages(fake_search: FakeSearch) -> None:
    hits = first_page(fake_search.engine("bing")).hits
    assert {hit.url.partition("?")[0].rpartition(".")[2] for hit in hits} == {"jpg", "png", "webp", "JPEG", "gif"}
    assert hits[3].page == f"{fake_search.url}/pages/bing/3"


def test_entities_and_escapes_in_a_url_are_decoded_once() -> None:
    link = '<a class="iusc" m="{&quot;murl&quot;:&quot;https:\\/\\/a.b\\/\\u732b%20x.png?a=1&amp;b=2&quot;}"></a>'
    assert [hit.url for hit in _read(link.encode()).hits] == ["https://a.b/猫%20x.png?a=1&b=2"]


def test_links_without_data_are_ignored_unless_no_link_has_data() -> None:
    assert len(_read(b'<a class="iusc"></a><a class="iusc" m=\'{"murl":"http://a/b.jpg"}\'></a>').hits) == 1
    with pytest.raises(FormatChangedError, match="can't be parsed"):
        _read(b'<a class="iusc"></a><a class="iusc" m="[1]"></a><a class="iusc" m=\'{"murl":7}\'></a>')


def test_an_empty_list_is_the_end_but_a_changed_format_on_the_first_page() -> None:
    for body in (b"", b'<div class="dgControl"><ul class="dgControl_list"></ul></div>'):
        assert not _read(body).hits
        with pytest.raises(FormatChangedError):
            _read(body, ENGINE.build_request("cat", SearchFilters()))


def test_the_next_page_starts_after_the_links_of_this_page(fake_search: FakeSearch) -> None:
    assert parse_qs(urlsplit(first_page(fake_search.engine("bing")).next[0].url).query)["first"] == ["6"]


def test_the_url_of_the_captcha_means_blocked() -> None:
    with pytest.raises(BlockedError, match="captcha"):
        ENGINE.parse(SECOND, FetchResult("https://www.bing.com/turing/captcha/challenge", 200, {}, b""))


def test_filters_are_joined_as_on_the_search_page(fake_search: FakeSearch) -> None:
    filters = SearchFilters(size=">=640x480", colour="grey", type="animated", licence="commercial", date="day")
    get(fake_search.engine("bing").build_request("cat", filters))
    assert fake_search.requests[-1].parameters["qft"] == (
        "+filterui:license-L2_L3_L4+filterui:imagesize-custom_640_480+filterui:color2-bw"
        "+filterui:photo-animatedgif+filterui:age-lt1440"
    )
