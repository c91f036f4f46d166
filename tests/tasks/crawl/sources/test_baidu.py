"""Baidu: its cipher, its invalid JSON, and its two formats."""

import json

import pytest

from configs.schema import SearchFilters
from tasks.crawl.engines.engine import BlockedError, FormatChangedError, Page
from tasks.crawl.http.client import FetchResult
from tasks.crawl.sources.baidu import ENGINE
from tests.helpers.engine_client import first_page, get
from tests.helpers.fake_search import FakeSearch

REQUEST = ENGINE.build_request("cat", SearchFilters())


def _read(value: object) -> Page:
    return ENGINE.parse(REQUEST, FetchResult(REQUEST.url, 200, {}, json.dumps(value).encode()))


def test_urls_are_deciphered() -> None:
    entry = {
        "objURL": "ippr_z2C$qAzdH3FAzdH3Fooo_z&e3Bg1_z&e3BvgAzdH3FvwpAzdH3F8d_z&e3B3r2",
        "hoverURL": "http://baidu/1",
    }
    assert [hit.url for hit in _read({"data": [entry, {}]}).hits] == ["http://www.nd.cn/cat/12.jpg"]


def test_the_plain_url_is_preferred_and_has_its_page(fake_search: FakeSearch) -> None:
    hits = first_page(fake_search.engine("baidu")).hits
    assert [hit.page for hit in hits[:2]] == [None, f"{fake_search.url}/pages/baidu/1"]


def test_an_invalid_escape_of_a_quote_is_accepted(fake_search: FakeSearch) -> None:
    response = get(fake_search.engine("baidu").build_request("cat", SearchFilters()))
    assert rb"it\'s" in response.body
    with pytest.raises(json.JSONDecodeError):
        json.loads(response.body)
    assert len(ENGINE.parse(REQUEST, response).hits) == 5


def test_the_newer_format_is_parsed_too(fake_search: FakeSearch) -> None:
    fake_search.modes["baidu"] = "new"
    assert [hit.url for hit in first_page(fake_search.engine("baidu")).hits] == fake_search.photos("cat", "baidu")


@pytest.mark.parametrize("data", [[], [{}]])
def test_an_empty_list_means_no_results(data: object) -> None:
    assert not _read({"listNum": 0, "data": data}).hits


@pytest.mark.parametrize(
    "value", [{}, {"data": None}, {"data": {}}, {"data": [{"x": 1}]}, {"data": [1]}, {"data": "x"}]
)
def test_no_list_of_urls_is_a_changed_format(value: object) -> None:
    with pytest.raises(FormatChangedError):
        _read(value)


def test_a_redirect_to_the_captcha_means_blocked() -> None:
    place = "https://wappass.baidu.com/static/captcha/tuxing.html"
    with pytest.raises(BlockedError, match="captcha"):
        ENGINE.parse(REQUEST, FetchResult(place, 200, {}, b"<html>"))
    with pytest.raises(BlockedError, match="captcha"):
        ENGINE.parse(REQUEST, FetchResult(REQUEST.url, 302, {"location": place}, b""))


def test_filters_are_numeric_parameters(fake_search: FakeSearch) -> None:
    get(fake_search.engine("baidu").build_request("cat", SearchFilters(size="huge", colour="orange", type="face")))
    sent = fake_search.requests[-1].parameters
    assert (sent["z"], sent["ic"], sent["face"]) == ("9", "256", "1")
