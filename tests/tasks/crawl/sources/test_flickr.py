"""Flickr: sizes, licences by number, dates, and a key that is nowhere to be seen."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from configs.schema import SearchFilters
from tasks.crawl.engines.engine import Answer, ChangedError, RefusedError
from tasks.crawl.sources.flickr import ENGINE, LICENCES
from tests.helpers.asking import all_pages, get, once
from tests.helpers.standin import CREDENTIALS, StandIn


def test_the_key_is_on_every_page_s_request_but_only_as_a_secret(standin: StandIn) -> None:
    standin.totals["cat"] = 700
    asked = all_pages(standin.engine("flickr"))
    key = CREDENTIALS["FLICKR_API_KEY"]
    assert [request.secret for request, _ in asked.answers] == [f"api_key={key}"] * 2
    assert not any(key in request.url for request, _ in asked.answers)


def test_the_original_is_taken_and_the_next_largest_where_the_owner_keeps_it_back(standin: StandIn) -> None:
    standin.totals["kept back"] = 2
    assert [hit.url for hit in once(standin.engine("flickr")).hits] == standin.photos("cat", "flickr")
    kept_back = once(standin.engine("flickr"), "kept back").hits
    assert [hit.url for hit in kept_back] == [standin.thumbnail(url) for url in standin.photos("kept back", "flickr")]


def test_a_hit_has_its_page_licence_and_author(standin: StandIn) -> None:
    standin.totals["cat"] = 18
    hits = once(standin.engine("flickr")).hits
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
def test_licences_are_numbers_of_all_versions(standin: StandIn, licence: str, numbers: str) -> None:
    get(standin.engine("flickr").first("cat", SearchFilters(licence=licence)))
    assert standin.asked[-1].parameters["license"] == numbers


def test_dates_are_of_upload(standin: StandIn) -> None:
    get(standin.engine("flickr").first("cat", SearchFilters(date="2026-01-01..2026-06-30")))
    asked = standin.asked[-1].parameters
    assert (asked["min_upload_date"], asked["max_upload_date"]) == ("2026-01-01 00:00:00", "2026-06-30 23:59:59")
    get(standin.engine("flickr").first("cat", SearchFilters(date="week")))
    asked = standin.asked[-1].parameters
    assert asked["min_upload_date"] == str(datetime.now(UTC).date() - timedelta(days=7))
    assert "max_upload_date" not in asked


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (
            {"stat": "fail", "code": 10, "message": "Sorry, the Flickr search API is not currently available."},
            RefusedError,
        ),
        ({"stat": "fail", "code": 112, "message": "Method not found"}, ChangedError),
        ({"stat": "fail"}, ChangedError),
        ({"stat": "ok"}, ChangedError),
        ({"stat": "ok", "photos": {"total": 3, "pages": 1, "photo": []}}, ChangedError),
        ({"stat": "ok", "photos": {"total": 1, "pages": 1, "photo": [{"id": 1}]}}, ChangedError),
    ],
)
def test_errors_come_with_status_200(standin: StandIn, value: object, kind: type[Exception]) -> None:
    request = ENGINE.first("cat", SearchFilters())
    with pytest.raises(kind):
        ENGINE.read(request, Answer(request.url, 200, {}, json.dumps(value).encode()))
