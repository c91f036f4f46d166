"""Openverse: licences, and the limits of anonymous requests."""

import pytest

from configs.schema import SearchFilters
from tasks.crawl.engines.engine import BlockedError, Request
from tests.helpers.engine_client import first_page, get
from tests.helpers.fake_search import FakeSearch


def test_a_hit_has_page_licence_and_author(fake_search: FakeSearch) -> None:
    hits = first_page(fake_search.engine("openverse")).hits
    assert [hit.licence for hit in hits[:4]] == ["CC BY-SA 2.0", "CC0 1.0", "Public domain", "CC BY 4.0"]
    assert [hit.author for hit in hits[:2]] == [None, "Zoë & Co"]
    assert hits[0].page == f"{fake_search.url}/pages/openverse/0"


def test_too_many_requests_report_when_to_retry(fake_search: FakeSearch) -> None:
    fake_search.modes["openverse"] = "limited"
    with pytest.raises(BlockedError, match="HTTP 429, retry after 3559"):
        first_page(fake_search.engine("openverse"))


def test_a_lower_page_limit_means_blocked_with_the_api_s_message(fake_search: FakeSearch) -> None:
    engine = fake_search.engine("openverse")
    request = Request(engine.build_request("cat", SearchFilters()).url.replace("page_size=20", "page_size=50"))
    with pytest.raises(BlockedError, match="Ensure this value is less than or equal to 20"):
        engine.parse(request, get(request))


@pytest.mark.parametrize(
    ("licence", "sent"),
    [
        ("commercial", "license_type=commercial"),
        ("modify", "license_type=modification"),
        ("by-nc-sa", "license=by-nc-sa"),
    ],
)
def test_licences_are_types_or_codes(fake_search: FakeSearch, licence: str, sent: str) -> None:
    url = (
        fake_search.engine("openverse")
        .build_request("cat", SearchFilters(licence=licence, type="photo", size="large"))
        .url
    )
    assert url.endswith(f"&size=large&category=photograph&{sent}")
