"""Bing: what its links hold, and where its results end."""

from urllib.parse import parse_qs, urlsplit

import pytest

from configs.schema import SearchFilters
from tasks.crawl.engines.engine import Answer, ChangedError, Page, RefusedError, Request
from tasks.crawl.sources.bing import ENGINE
from tests.helpers.asking import get, once
from tests.helpers.standin import StandIn

SECOND = Request("https://www.bing.com/images/async?q=cat&first=36")


def _read(body: bytes, request: Request = SECOND) -> Page:
    return ENGINE.read(request, Answer(request.url, 200, {}, body))


def test_every_format_is_found_with_the_page_that_shows_it(standin: StandIn) -> None:
    hits = once(standin.engine("bing")).hits
    assert {hit.url.partition("?")[0].rpartition(".")[2] for hit in hits} == {"jpg", "png", "webp", "JPEG", "gif"}
    assert hits[3].page == f"{standin.url}/pages/bing/3"


def test_entities_and_escapes_in_an_address_are_decoded_once() -> None:
    link = '<a class="iusc" m="{&quot;murl&quot;:&quot;https:\\/\\/a.b\\/\\u732b%20x.png?a=1&amp;b=2&quot;}"></a>'
    assert [hit.url for hit in _read(link.encode()).hits] == ["https://a.b/猫%20x.png?a=1&b=2"]


def test_links_without_their_data_are_left_out_and_none_with_it_is_a_change() -> None:
    assert len(_read(b'<a class="iusc"></a><a class="iusc" m=\'{"murl":"http://a/b.jpg"}\'></a>').hits) == 1
    with pytest.raises(ChangedError, match="can't be read"):
        _read(b'<a class="iusc"></a><a class="iusc" m="[1]"></a><a class="iusc" m=\'{"murl":7}\'></a>')


def test_the_empty_frame_after_the_last_page_is_the_end_but_on_the_first_a_change() -> None:
    for body in (b"", b'<div class="dgControl"><ul class="dgControl_list"></ul></div>'):
        assert not _read(body).hits
        with pytest.raises(ChangedError):
            _read(body, ENGINE.first("cat", SearchFilters()))


def test_the_next_page_begins_after_the_photos_that_came_even_if_they_were_few(standin: StandIn) -> None:
    assert parse_qs(urlsplit(once(standin.engine("bing")).next[0].url).query)["first"] == ["6"]


def test_a_captcha_s_own_address_is_a_refusal() -> None:
    with pytest.raises(RefusedError, match="captcha"):
        ENGINE.read(SECOND, Answer("https://www.bing.com/turing/captcha/challenge", 200, {}, b""))


def test_filters_are_joined_as_its_search_page_does(standin: StandIn) -> None:
    filters = SearchFilters(size=">=640x480", colour="grey", type="animated", licence="commercial", date="day")
    get(standin.engine("bing").first("cat", filters))
    assert standin.asked[-1].parameters["qft"] == (
        "+filterui:license-L2_L3_L4+filterui:imagesize-custom_640_480+filterui:color2-bw"
        "+filterui:photo-animatedgif+filterui:age-lt1440"
    )
