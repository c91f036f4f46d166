"""Flickr: sizes, licence numbers, dates, and the secret key."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from configs.schema import SearchFilters
from tasks.crawl.engines.engine import BlockedError, FormatChangedError
from tasks.crawl.http.client import FetchResult
from tasks.crawl.sources.flickr import ENGINE, LICENCES
from tests.helpers.engine_client import all_pages, first_page, get
from tests.helpers.fake_search import CREDENTIALS, FakeSearch


def test_each_request_has_the_key_as_a_secret_only(fake_search: FakeSearch) -> None:
    fake_search.photo_counts["cat"] = 700
    result = all_pages(fake_search.engine("flickr"))
    key = CREDENTIALS["FLICKR_API_KEY"]
    assert [request.secret for request, _ in result.exchanges] == [f"api_key={key}"] * 2
    assert not any(key in request.url for request, _ in result.exchanges)


def test_the_original_is_preferred_or_else_the_largest_size(
    fake_search: FakeSearch,
) -> None:
    fake_search.photo_counts["withheld"] = 2
    assert [hit.url for hit in first_page(fake_search.engine("flickr")).hits] == fake_search.photos("cat", "flickr")
    withheld = first_page(fake_search.engine("flickr"), "withheld").hits
    assert [hit.url for hit in withheld] == [
        fake_search.thumbnail(url) for url in fake_search.photos("withheld", "flickr")
    ]


def test_a_hit_has_page_licence_and_author(fake_search: FakeSearch) -> None:
    fake_search.photo_counts["cat"] = 18
    hits = first_page(fake_search.engine("flickr")).hits
    assert [hit.licence for hit in hits[:17]] == list(LICENCES.values())
    assert (hits[0].page, hits[0].author) == ("https://www.flickr.com/photos/12@N00/100", "Zoë & Co")


@pytest.mark.parametrize(
    ("licence", "numbers"),
    [
        ("open", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16"),
        ("commercial", "4,5,6,8,9,10,11,12,13"),
        ("modify", "1,2,4,5,8,9,10,11,12,14,15"),
        ("by", "4,11"),
        ("by-nc", "2,14"),
        ("cc0", "9"),
    ],
)
def test_licences_are_numbers_of_all_versions(fake_search: FakeSearch, licence: str, numbers: str) -> None:
    get(fake_search.engine("flickr").build_request("cat", SearchFilters(licence=licence)))
    assert fake_search.requests[-1].parameters["license"] == numbers


def test_dates_are_upload_dates(fake_search: FakeSearch) -> None:
    get(fake_search.engine("flickr").build_request("cat", SearchFilters(date="2026-01-01..2026-06-30")))
    sent = fake_search.requests[-1].parameters
    assert (sent["min_upload_date"], sent["max_upload_date"]) == ("2026-01-01 00:00:00", "2026-06-30 23:59:59")
    get(fake_search.engine("flickr").build_request("cat", SearchFilters(date="week")))
    sent = fake_search.requests[-1].parameters
    assert sent["min_upload_date"] == str(datetime.now(UTC).date() - timedelta(days=7))
    assert "max_upload_date" not in sent


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (
            {"stat": "fail", "code": 10, "message": "Sorry, the Flickr search API is not currently available."},
            BlockedError,
        ),
        ({"stat": "fail", "code": 112, "message": "Method not found"}, FormatChangedError),
        ({"stat": "fail"}, FormatChangedError),
        ({"stat": "ok"}, FormatChangedError),
        ({"stat": "ok", "photos": {"total": 3, "pages": 1, "photo": []}}, FormatChangedError),
        ({"stat": "ok", "photos": {"total": 1, "pages": 1, "photo": [{"id": 1}]}}, FormatChangedError),
    ],
)
def test_errors_have_status_200(fake_search: FakeSearch, value: object, kind: type[Exception]) -> None:
    request = ENGINE.build_request("cat", SearchFilters())
    with pytest.raises(kind):
        ENGINE.parse(request, FetchResult(request.url, 200, {}, json.dumps(value).encode()))
