"""Baidu: its cipher, its broken JSON, and its two formats."""

import json

import pytest

from configs.schema import SearchFilters
from tasks.crawl.engines.engine import Answer, ChangedError, Page, RefusedError
from tasks.crawl.sources.baidu import ENGINE
from tests.helpers.asking import get, once
from tests.helpers.standin import StandIn

REQUEST = ENGINE.first("cat", SearchFilters())


def _read(value: object) -> Page:
    return ENGINE.read(REQUEST, Answer(REQUEST.url, 200, {}, json.dumps(value).encode()))


def test_addresses_come_out_of_their_cipher() -> None:
    entry = {
        "objURL": "ippr_z2C$qAzdH3FAzdH3Fooo_z&e3Bg1_z&e3BvgAzdH3FvwpAzdH3F8d_z&e3B3r2",
        "hoverURL": "http://baidu/1",
    }
    assert [hit.url for hit in _read({"data": [entry, {}]}).hits] == ["http://www.nd.cn/cat/12.jpg"]


def test_the_clear_address_is_preferred_and_brings_its_page(standin: StandIn) -> None:
    hits = once(standin.engine("baidu")).hits
    assert [hit.page for hit in hits[:2]] == [None, f"{standin.url}/pages/baidu/1"]


def test_a_quote_escaped_as_json_does_not_allow_is_read(standin: StandIn) -> None:
    answer = get(standin.engine("baidu").first("cat", SearchFilters()))
    assert rb"it\'s" in answer.body
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.body)
    assert len(ENGINE.read(REQUEST, answer).hits) == 5


def test_its_newer_format_is_read_too(standin: StandIn) -> None:
    standin.moods["baidu"] = "new"
    assert [hit.url for hit in once(standin.engine("baidu")).hits] == standin.photos("cat", "baidu")


@pytest.mark.parametrize("data", [[], [{}]])
def test_an_empty_list_is_no_results(data: object) -> None:
    assert not _read({"listNum": 0, "data": data}).hits


@pytest.mark.parametrize(
    "value", [{}, {"data": None}, {"data": {}}, {"data": [{"x": 1}]}, {"data": [1]}, {"data": "x"}]
)
def test_no_list_of_addresses_is_a_change(value: object) -> None:
    with pytest.raises(ChangedError):
        _read(value)


def test_a_redirect_to_its_captcha_is_a_refusal_followed_or_not() -> None:
    place = "https://wappass.baidu.com/static/captcha/tuxing.html"
    with pytest.raises(RefusedError, match="captcha"):
        ENGINE.read(REQUEST, Answer(place, 200, {}, b"<html>"))
    with pytest.raises(RefusedError, match="captcha"):
        ENGINE.read(REQUEST, Answer(REQUEST.url, 302, {"location": place}, b""))


def test_filters_are_numbers(standin: StandIn) -> None:
    get(standin.engine("baidu").first("cat", SearchFilters(size="huge", colour="orange", type="face")))
    asked = standin.asked[-1].parameters
    assert (asked["z"], asked["ic"], asked["face"]) == ("9", "256", "1")
