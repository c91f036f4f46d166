"""Google: its two formats, and its block pages."""

from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from configs.schema import SearchFilters
from tasks.crawl.engines.engine import BlockedError, Request
from tasks.crawl.http.client import FetchResult
from tasks.crawl.sources.google import ENGINE
from tasks.store.errors import UserError
from tests.helpers.engine_client import first_page, get
from tests.helpers.fake_search import FakeSearch


def _tbs(**filters: str) -> str:
    query = urlsplit(ENGINE.build_request("cat", SearchFilters(**filters)).url).query
    return next((part.removeprefix("tbs=") for part in query.split("&") if part.startswith("tbs=")), "")


def test_a_hit_has_page_and_authors(fake_search: FakeSearch) -> None:
    first, second, *_ = first_page(fake_search.engine("google")).hits
    assert (first.page, first.author) == (f"{fake_search.url}/pages/google/0", None)
    assert second.author == "Zoë, Bo"


def test_photos_in_scripts_are_found_without_thumbnails(
    fake_search: FakeSearch,
) -> None:
    fake_search.modes["google"] = "html"
    page = first_page(fake_search.engine("google"))
    assert [hit.url for hit in page.hits] == fake_search.photos("cat", "google")
    assert {hit.url.partition("?")[0].rpartition(".")[2] for hit in page.hits} == {"jpg", "png", "webp", "JPEG", "gif"}
    assert not first_page(fake_search.engine("google"), "qwzx vbnm").hits


def test_all_escapes_of_a_script_are_decoded() -> None:
    body = rb'<script>x=["https:\/\/a.b\/\ud83d\udc33\x20\u732b.webp?a\x3d1\u0026b=2",10,20]</script>'
    page = ENGINE.parse(
        ENGINE.build_request("cat", SearchFilters()), FetchResult("https://www.google.com/search", 200, {}, body)
    )
    assert [hit.url for hit in page.hits] == ["https://a.b/🐳%20猫.webp?a=1&b=2"]


def test_a_page_that_requires_javascript_means_blocked(fake_search: FakeSearch) -> None:
    fake_search.modes["google"] = "script"
    with pytest.raises(BlockedError, match="JavaScript"):
        first_page(fake_search.engine("google"))


def test_a_consent_page_means_blocked() -> None:
    response = FetchResult("https://consent.google.com/ml?continue=x", 200, {}, b"<html>Before you continue to Google")
    with pytest.raises(BlockedError, match="consent"):
        ENGINE.parse(ENGINE.build_request("cat", SearchFilters()), response)


def test_photos_that_show_captchas_are_hits(fake_search: FakeSearch) -> None:
    request = fake_search.engine("google").build_request("cat", SearchFilters())
    response = get(request)
    assert b"captcha" in response.body
    assert len(ENGINE.parse(request, replace(response, status=200)).hits) == 5


def test_the_async_parameter_is_not_quoted(fake_search: FakeSearch) -> None:
    engine = fake_search.engine("google")
    assert "async=_fmt:json,p:1,ijn:0" in engine.build_request("cat", SearchFilters()).url
    fake_search.photo_counts["cat"] = 30
    assert "async=_fmt:json,p:1,ijn:1" in first_page(engine).next[0].url
    quoted = Request(engine.build_request("cat", SearchFilters()).url.replace(":json,", "%3Ajson%2C"))
    with pytest.raises(BlockedError, match="HTTP 403"):
        engine.parse(quoted, get(quoted))


def test_filters_are_those_of_the_search_page() -> None:
    assert _tbs(size="large", colour="red", type="drawing", licence="open", date="week") == (
        "il:cl,isz:l,ic:specific,isc:red,itp:lineart,qdr:w"
    )
    assert _tbs(date="2026-01-01..2026-06-30") == "cdr:1,cd_min:01%2F01%2F2026,cd_max:06%2F30%2F2026"
    assert _tbs() == ""


def test_a_minimum_size_is_the_next_larger_step() -> None:
    assert _tbs(size=">=640x480") == "isz:lt,islt:vga"
    assert _tbs(size=">=641x480") == "isz:lt,islt:svga"
    assert _tbs(size=">=300x400") == "isz:lt,islt:vga"
    with pytest.raises(UserError, match=r"size=>=9601x1: google doesn't support it"):
        _tbs(size=">=9601x1")
