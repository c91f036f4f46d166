"""Google: the pages of its API, its errors as they were recorded, and the secret key."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from configs.schema import SearchFilters
from tasks.crawl.engines.engine import BlockedError, EngineError, FormatChangedError, Page, QuotaError
from tasks.crawl.http.client import FetchResult
from tasks.crawl.sources.google import ENGINE
from tasks.store.errors import UserError
from tests.helpers.engine_client import all_pages, first_page, get
from tests.helpers.fake_search import CREDENTIALS, FakeSearch


def _sent(**filters: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(ENGINE.build_request("cat", SearchFilters(**filters)).url).query)


def _read(value: object, status: int = 200, start: int = 1) -> Page:
    request = ENGINE.build_request("cat", SearchFilters())
    request = type(request)(request.url.replace("start=1", f"start={start}"), secret=request.secret)
    return ENGINE.parse(request, FetchResult(request.url, status, {}, json.dumps(value).encode()))


def test_a_recorded_response_is_read(fake_search: FakeSearch) -> None:
    # Shortened from the response in the tests of jecoz's discoursive (2020).
    item = {
        "displayLink": "www.wired.com",
        "fileFormat": "image/jpeg",
        "image": {
            "byteSize": 1063166,
            "contextLink": "https://www.wired.com/story/cats-australia-bushfires/",
            "height": 1532,
            "thumbnailHeight": 112,
            "thumbnailLink": "https://encrypted-tbn0.gstatic.com/images?q=tbn:ANd9&s",
            "thumbnailWidth": 150,
            "width": 2043,
        },
        "kind": "customsearch#result",
        "link": "https://media.wired.com/photos/5e1e/4:3/w_2043,h_1532,c_limit/Science_Cats-84873657.jpg",
        "mime": "image/jpeg",
    }
    following = {"count": 10, "startIndex": 11, "totalResults": "7410000000"}
    page = _read({"kind": "customsearch#search", "items": [item], "queries": {"nextPage": [following]}})
    (hit,) = page.hits
    assert hit.url == item["link"]
    assert (hit.page, hit.size_px) == ("https://www.wired.com/story/cats-australia-bushfires/", (2043, 1532))
    assert parse_qs(urlsplit(page.next[0].url).query)["start"] == ["11"]


def test_each_request_has_the_key_and_the_engine_as_secrets_only(fake_search: FakeSearch) -> None:
    fake_search.photo_counts["cat"] = 25
    result = all_pages(fake_search.engine("google"))
    assert [request.parameters["start"] for request in fake_search.requests] == ["1", "11", "21"]
    assert {request.parameters["key"] for request in fake_search.requests} == {CREDENTIALS["GOOGLE_API_KEY"]}
    for request, response in result.exchanges:
        for secret in (CREDENTIALS["GOOGLE_API_KEY"], CREDENTIALS["GOOGLE_CSE_ID"]):
            assert secret not in f"{request.url} {response.url}"


def test_a_search_ends_at_100_photos(fake_search: FakeSearch) -> None:
    fake_search.photo_counts["cat"] = 500
    assert len(all_pages(fake_search.engine("google")).hits) == 100


def test_filters_are_the_parameters_of_the_reference(fake_search: FakeSearch) -> None:
    sent = _sent(licence="commercial", size="huge", colour="grey", type="drawing", date="week")
    assert sent["rights"] == ["(cc_publicdomain|cc_attribute|cc_sharealike|cc_nonderived).-(cc_noncommercial)"]
    assert [sent[name] for name in ("imgSize", "imgColorType", "imgType", "dateRestrict")] == [
        ["HUGE"],
        ["gray"],
        ["lineart"],
        ["w1"],
    ]
    assert _sent(colour="red")["imgDominantColor"] == ["red"]
    with pytest.raises(UserError, match=r"size=>=640x480: google doesn't support it"):
        _sent(size=">=640x480")


PER_DAY = (
    "Quota exceeded for quota metric 'Queries' and limit 'Queries per day' of service 'customsearch.googleapis.com'"
)
PER_MINUTE = "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' of service 'x'"


def _error(code: int, message: str, reason: str) -> dict[str, object]:
    return {"error": {"code": code, "message": message, "errors": [{"domain": "usageLimits", "reason": reason}]}}


@pytest.mark.parametrize(
    ("value", "status", "kind", "text"),
    [
        (_error(403, "Daily Limit Exceeded", "dailyLimitExceeded"), 403, QuotaError, "used up"),
        (_error(429, PER_DAY, "rateLimitExceeded"), 429, QuotaError, "continue tomorrow"),
        (_error(429, PER_MINUTE, "rateLimitExceeded"), 429, BlockedError, "HTTP 429: Quota exceeded"),
        (_error(403, "Rate Limit Exceeded", "userRateLimitExceeded"), 403, BlockedError, "HTTP 403: Rate Limit"),
        (
            _error(403, "This project does not have the access to Custom Search JSON API.", "forbidden"),
            403,
            UserError,
            "GOOGLE_API_KEY and GOOGLE_CSE_ID .*not for new customers",
        ),
        (
            {
                "error": {
                    "code": 400,
                    "message": "API key not valid. Please pass a valid API key.",
                    "details": [{"reason": "API_KEY_INVALID"}],
                }
            },
            400,
            UserError,
            "API key not valid",
        ),
        (
            _error(400, "Request contains an invalid argument.", "badRequest"),
            400,
            FormatChangedError,
            "Check that GOOGLE_CSE_ID",
        ),
    ],
)
def test_a_recorded_error_has_its_remedy(
    fake_search: FakeSearch, value: object, status: int, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text) as raised:
        _read(value, status)
    assert type(raised.value) is kind


def test_an_error_after_the_first_page_is_the_end(fake_search: FakeSearch) -> None:
    assert not _read(_error(400, "Request contains an invalid argument.", "badRequest"), 400, start=91).hits
    with pytest.raises(QuotaError):
        _read(_error(429, PER_DAY, "rateLimitExceeded"), 429, start=91)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"items": []},
        {"kind": "customsearch#search"},
        {"kind": "customsearch#search", "searchInformation": {"totalResults": "7"}},
        {"kind": "customsearch#search", "items": [{"title": "no link"}]},
        {"kind": "customsearch#search", "items": {"link": "http://a/b"}},
    ],
)
def test_neither_photos_nor_a_total_of_0_is_a_changed_format(fake_search: FakeSearch, value: object) -> None:
    with pytest.raises(FormatChangedError):
        _read(value)


def test_no_results_have_no_items(fake_search: FakeSearch) -> None:
    assert not _read({"kind": "customsearch#search", "searchInformation": {"totalResults": "0"}}).hits
    response = get(fake_search.engine("google").build_request("qwzx vbnm", SearchFilters()))
    assert "items" not in json.loads(response.body)


def test_a_wrong_engine_id_is_named(fake_search: FakeSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CSE_ID", "https://cse.google.com/cse?cx=1")
    with pytest.raises(EngineError, match="GOOGLE_CSE_ID"):
        first_page(fake_search.engine("google"))
