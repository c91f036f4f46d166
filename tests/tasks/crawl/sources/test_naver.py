"""Naver: two homes of one API, and their credentials."""

import json

import pytest

from configs.schema import SearchFilters
from tasks.crawl.engines.engine import Answer, ChangedError
from tasks.crawl.sources.naver import ENGINE
from tasks.store.errors import UserError
from tests.helpers.asking import all_pages, once
from tests.helpers.standin import CREDENTIALS, StandIn

HUB = [name for name in CREDENTIALS if name.startswith("NAVER_API_HUB")]


def test_the_hub_is_asked_first_with_its_own_headers_on_every_page(standin: StandIn) -> None:
    standin.totals["cat"] = 150
    all_pages(standin.engine("naver"))
    assert [asked.path for asked in standin.asked] == ["/search/v1/image"] * 2
    assert [asked.headers["x-ncp-apigw-api-key"] for asked in standin.asked] == ["hub-secret"] * 2


def test_an_older_key_is_used_with_the_older_address(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HUB[0])
    standin.totals["cat"] = 150
    assert len(all_pages(standin.engine("naver")).hits) == 150
    assert [asked.path for asked in standin.asked] == ["/v1/search/image"] * 2
    assert {asked.headers["x-naver-client-id"] for asked in standin.asked} == {"old-id"}
    standin.moods["naver"] = "denied"
    with pytest.raises(UserError, match="credentials in NAVER_CLIENT_ID and NAVER_CLIENT_SECRET "):
        once(standin.engine("naver"))


def test_the_addresses_are_the_published_ones(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ENGINE.first("cat", SearchFilters()).url == (
        "https://naverapihub.apigw.ntruss.com/search/v1/image?query=cat&display=100&start=1&sort=sim&filter=all"
    )
    monkeypatch.delenv(HUB[1])
    old = ENGINE.first("고양이", SearchFilters(size="large"))
    assert old.url.startswith("https://openapi.naver.com/v1/search/image?query=%EA%B3%A0%EC%96%91%EC%9D%B4&")
    assert old.url.endswith("&filter=large")


@pytest.mark.parametrize(
    "value",
    [{"total": 3, "items": []}, {"total": 3, "items": [{"url": "http://a/b"}]}, {"items": []}, {"total": 0}, []],
)
def test_a_total_without_links_is_a_change(standin: StandIn, value: object) -> None:
    request = ENGINE.first("cat", SearchFilters())
    with pytest.raises(ChangedError):
        ENGINE.read(request, Answer(request.url, 200, {}, json.dumps(value).encode()))


def test_a_wrong_request_is_told_as_the_api_tells_it(standin: StandIn) -> None:
    with pytest.raises(ChangedError, match="HTTP 400: Incorrect query request"):
        once(standin.engine("naver"), "")
