"""Wikimedia Commons: order, continuation, licences and authors."""

import json

import pytest

from configs.schema import SearchFilters
from tasks.crawl.engines.engine import BlockedError, FormatChangedError, Page
from tasks.crawl.http.client import FetchResult
from tasks.crawl.sources.commons import ENGINE
from tests.helpers.engine_client import all_pages, first_page, get
from tests.helpers.fake_search import FakeSearch

REQUEST = ENGINE.build_request("cat", SearchFilters())


def _read(value: object) -> Page:
    return ENGINE.parse(REQUEST, FetchResult(REQUEST.url, 200, {}, json.dumps(value).encode()))


def test_photos_are_in_search_order_with_licence_and_author(
    fake_search: FakeSearch,
) -> None:
    hits = first_page(fake_search.engine("commons")).hits
    assert [hit.url for hit in hits] == fake_search.photos("cat", "commons")
    assert [hit.licence for hit in hits[:3]] == ["CC BY-SA 4.0", "CC0 1.0", "Public domain"]
    assert [hit.author for hit in hits[:2]] == ["A & B 0", "A & B 1"]
    assert hits[1].page == f"{fake_search.url}/pages/File:1.jpg"


def test_the_rest_of_a_batch_is_requested_before_the_next_batch(fake_search: FakeSearch) -> None:
    fake_search.photo_counts["cat"] = 70
    result = all_pages(fake_search.engine("commons"))
    assert [hit.url for hit in result.hits] == fake_search.photos("cat", "commons")
    assert result.pages == 3


def test_vector_images_are_left_out(fake_search: FakeSearch) -> None:
    fake_search.photo_counts["vectors"] = 3
    page = first_page(fake_search.engine("commons"), "vectors")
    assert not page.hits


def test_a_search_ends_at_10_000_results() -> None:
    pages = [{"index": 1, "imageinfo": [{"url": "http://a/b.jpg", "mime": "image/jpeg"}]}]
    for offset, following in ((9950, 1), (10_000, 0)):
        value = {"continue": {"gsroffset": offset, "continue": "gsroffset||"}, "query": {"pages": pages}}
        assert len(_read(value).next) == following


def test_a_continuation_without_progress_ends() -> None:
    request = _read({"continue": {"gsroffset": 50, "continue": "-||"}, "query": {"pages": [{"imageinfo": []}]}}).next[0]
    body = {"continue": {"gsroffset": 50, "continue": "-||"}, "query": {"pages": [{"imageinfo": []}]}}
    assert not ENGINE.parse(request, FetchResult(request.url, 200, {}, json.dumps(body).encode())).next


@pytest.mark.parametrize(
    ("code", "kind"), [("ratelimited", BlockedError), ("maxlag", BlockedError), ("badvalue", FormatChangedError)]
)
def test_errors_have_status_200(code: str, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=f"{code}: Waiting for a host"):
        _read({"error": {"code": code, "info": "Waiting for a host"}})


@pytest.mark.parametrize("value", [{}, {"query": {}}, {"batchcomplete": True, "query": {}}, {"query": {"pages": [{}]}}])
def test_neither_pages_nor_batchcomplete_is_a_changed_format(value: object) -> None:
    with pytest.raises(FormatChangedError):
        _read(value)


def test_filters_are_search_keywords_in_the_query(fake_search: FakeSearch) -> None:
    get(fake_search.engine("commons").build_request("cat & dog", SearchFilters(licence="by-sa", size=">=640x480")))
    assert fake_search.requests[-1].parameters["gsrsearch"] == (
        "cat & dog filetype:bitmap haslicense:attribution-same-license filew:>640 fileh:>480"
    )


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("?utm_source=commons.wikimedia.org&utm_campaign=imageinfo&utm_content=original", ""),
        ("?utm_source=commons.wikimedia.org&_=20200224155353", "?_=20200224155353"),
        ("?a=1&UTM_content=x&b=%26utm_c", "?a=1&b=%26utm_c"),
        ("?", ""),
        ("", ""),
    ],
)
def test_a_photo_has_one_url(query: str, kept: str) -> None:
    url = "https://upload.wikimedia.org/wikipedia/commons/b/bd/Caf%C3%A9.jpg"
    (hit,) = _read({"query": {"pages": [{"imageinfo": [{"url": url + query, "mime": "image/jpeg"}]}]}}).hits
    assert hit.url == url + kept


def test_no_restrictions_are_not_the_public_domain() -> None:
    # As recorded for Category:Birds in flight (2026).
    info = {"url": "http://a/b.jpg", "mime": "image/jpeg", "width": 3000, "height": 2000}
    info["extmetadata"] = {"LicenseShortName": {"value": "No restrictions"}}
    (hit,) = _read({"query": {"pages": [{"imageinfo": [info]}]}}).hits
    assert (hit.licence, hit.size_px) == ("No known copyright restrictions", (3000, 2000))


@pytest.mark.parametrize(("headers", "pause_s"), [({"retry-after": "7"}, 7), ({}, 5), ({"retry-after": "soon"}, 5)])
def test_a_lagged_wiki_says_when_to_ask_again(headers: dict[str, str], pause_s: int) -> None:
    body = json.dumps({"error": {"code": "maxlag", "info": "Waiting for 10.64.48.35: 5.5 seconds lagged."}}).encode()
    with pytest.raises(BlockedError) as lagged:
        ENGINE.parse(REQUEST, FetchResult(REQUEST.url, 200, headers, body))
    assert lagged.value.retry_after_s == pause_s
    with pytest.raises(BlockedError) as limited:
        _read({"error": {"code": "ratelimited", "info": "Please wait."}})
    assert limited.value.retry_after_s is None
