"""Wikimedia Commons: order, continuation, and who made it."""

import json

import pytest

from configs.schema import SearchFilters
from tasks.crawl.engines.engine import Answer, ChangedError, Page, RefusedError
from tasks.crawl.sources.commons import ENGINE
from tests.helpers.asking import all_pages, get, once
from tests.helpers.standin import StandIn

REQUEST = ENGINE.first("cat", SearchFilters())


def _read(value: object) -> Page:
    return ENGINE.read(REQUEST, Answer(REQUEST.url, 200, {}, json.dumps(value).encode()))


def test_photos_are_in_the_order_of_the_search_with_licence_and_author_without_html(standin: StandIn) -> None:
    hits = once(standin.engine("commons")).hits
    assert [hit.url for hit in hits] == standin.photos("cat", "commons")
    assert [hit.licence for hit in hits[:3]] == ["CC BY-SA 4.0", "CC0 1.0", "Public domain"]
    assert [hit.author for hit in hits[:2]] == ["A & B 0", "A & B 1"]
    assert hits[1].page == f"{standin.url}/pages/File:1.jpg"


def test_the_rest_of_a_batch_comes_before_the_next_batch(standin: StandIn) -> None:
    standin.totals["cat"] = 70
    asked = all_pages(standin.engine("commons"))
    assert [hit.url for hit in asked.hits] == standin.photos("cat", "commons")
    assert asked.pages == 3


def test_vectors_and_papers_are_left_out(standin: StandIn) -> None:
    standin.totals["vectors"] = 3
    page = once(standin.engine("commons"), "vectors")
    assert not page.hits


def test_its_search_ends_at_ten_thousand() -> None:
    pages = [{"index": 1, "imageinfo": [{"url": "http://a/b.jpg", "mime": "image/jpeg"}]}]
    for offset, following in ((9950, 1), (10_000, 0)):
        value = {"continue": {"gsroffset": offset, "continue": "gsroffset||"}, "query": {"pages": pages}}
        assert len(_read(value).next) == following


def test_a_continuation_that_leads_nowhere_ends() -> None:
    request = _read({"continue": {"gsroffset": 50, "continue": "-||"}, "query": {"pages": [{"imageinfo": []}]}}).next[0]
    body = {"continue": {"gsroffset": 50, "continue": "-||"}, "query": {"pages": [{"imageinfo": []}]}}
    assert not ENGINE.read(request, Answer(request.url, 200, {}, json.dumps(body).encode())).next


@pytest.mark.parametrize(
    ("code", "kind"), [("ratelimited", RefusedError), ("maxlag", RefusedError), ("badvalue", ChangedError)]
)
def test_its_errors_come_with_status_200(code: str, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=f"{code}: Waiting for a host"):
        _read({"error": {"code": code, "info": "Waiting for a host"}})


@pytest.mark.parametrize("value", [{}, {"query": {}}, {"batchcomplete": True, "query": {}}, {"query": {"pages": [{}]}}])
def test_neither_pages_nor_the_sign_of_the_end_is_a_change(value: object) -> None:
    with pytest.raises(ChangedError):
        _read(value)


def test_filters_are_words_of_the_query(standin: StandIn) -> None:
    get(standin.engine("commons").first("cat & dog", SearchFilters(licence="by-sa", size=">=640x480")))
    assert standin.asked[-1].parameters["gsrsearch"] == (
        "cat & dog filetype:bitmap haslicense:attribution-same-license filew:>640 fileh:>480"
    )
