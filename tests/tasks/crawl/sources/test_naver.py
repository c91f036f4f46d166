"""Naver: one API on two hosts, and their credentials."""

import json

import pytest

from configs.schema import SearchFilters
from tasks.crawl.engines.engine import FormatChangedError
from tasks.crawl.http.client import FetchResult
from tasks.crawl.sources.naver import ENGINE
from tasks.store.errors import UserError
from tests.helpers.engine_client import all_pages, first_page
from tests.helpers.fake_search import CREDENTIALS, FakeSearch

HUB = [name for name in CREDENTIALS if name.startswith("NAVER_API_HUB")]


def test_the_hub_is_preferred_and_each_request_has_its_headers(fake_search: FakeSearch) -> None:
    fake_search.photo_counts["cat"] = 150
    all_pages(fake_search.engine("naver"))
    assert [request.path for request in fake_search.requests] == ["/search/v1/image"] * 2
    assert [request.headers["x-ncp-apigw-api-key"] for request in fake_search.requests] == ["hub-secret"] * 2


def test_an_older_key_is_used_with_the_older_host(fake_search: FakeSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HUB[0])
    fake_search.photo_counts["cat"] = 150
    assert len(all_pages(fake_search.engine("naver")).hits) == 150
    assert [request.path for request in fake_search.requests] == ["/v1/search/image"] * 2
    assert {request.headers["x-naver-client-id"] for request in fake_search.requests} == {"old-id"}
    fake_search.modes["naver"] = "denied"
    with pytest.raises(UserError, match="credentials in NAVER_CLIENT_ID and NAVER_CLIENT_SECRET "):
        first_page(fake_search.engine("naver"))


def test_the_urls_are_the_published_ones(fake_search: FakeSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ENGINE.build_request("cat", SearchFilters()).url == (
        "https://naverapihub.apigw.ntruss.com/search/v1/image?query=cat&display=100&start=1&sort=sim&filter=all"
    )
    monkeypatch.delenv(HUB[1])
    old = ENGINE.build_request("고양이", SearchFilters(size="large"))
    assert old.url.startswith("https://openapi.naver.com/v1/search/image?query=%EA%B3%A0%EC%96%91%EC%9D%B4&")
    assert old.url.endswith("&filter=large")


@pytest.mark.parametrize(
    "value",
    [{"total": 3, "items": []}, {"total": 3, "items": [{"url": "http://a/b"}]}, {"items": []}, {"total": 0}, []],
)
def test_a_total_without_links_is_a_changed_format(fake_search: FakeSearch, value: object) -> None:
    request = ENGINE.build_request("cat", SearchFilters())
    with pytest.raises(FormatChangedError):
        ENGINE.parse(request, FetchResult(request.url, 200, {}, json.dumps(value).encode()))


def test_an_error_of_the_api_is_reported_with_its_message(fake_search: FakeSearch) -> None:
    with pytest.raises(FormatChangedError, match="HTTP 400: Incorrect query request"):
        first_page(fake_search.engine("naver"), "")
