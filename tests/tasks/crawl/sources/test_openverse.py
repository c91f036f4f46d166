"""Openverse: licences, and the limits of anonymous requests."""

import pytest

from configs.schema import SearchFilters
from tasks.crawl.engines.engine import RefusedError, Request
from tests.helpers.asking import get, once
from tests.helpers.standin import StandIn


def test_a_hit_has_its_page_licence_and_author(standin: StandIn) -> None:
    hits = once(standin.engine("openverse")).hits
    assert [hit.licence for hit in hits[:4]] == ["CC BY-SA 2.0", "CC0 1.0", "Public domain", "CC BY 4.0"]
    assert [hit.author for hit in hits[:2]] == [None, "Zoë & Co"]
    assert hits[0].page == f"{standin.url}/pages/openverse/0"


def test_being_throttled_tells_for_how_long(standin: StandIn) -> None:
    standin.moods["openverse"] = "limited"
    with pytest.raises(RefusedError, match="HTTP 429, come back after 3559"):
        once(standin.engine("openverse"))


def test_a_smaller_limit_than_we_know_is_a_refusal_with_its_words(standin: StandIn) -> None:
    engine = standin.engine("openverse")
    request = Request(engine.first("cat", SearchFilters()).url.replace("page_size=20", "page_size=50"))
    with pytest.raises(RefusedError, match="Ensure this value is less than or equal to 20"):
        engine.read(request, get(request))


@pytest.mark.parametrize(
    ("licence", "sent"),
    [
        ("commercial", "license_type=commercial"),
        ("modify", "license_type=modification"),
        ("by-nc-sa", "license=by-nc-sa"),
    ],
)
def test_licences_are_kinds_or_codes(standin: StandIn, licence: str, sent: str) -> None:
    url = standin.engine("openverse").first("cat", SearchFilters(licence=licence, type="photo", size="large")).url
    assert url.endswith(f"&size=large&category=photograph&{sent}")
