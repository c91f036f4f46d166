"""Google: its two formats, and its ways to refuse."""

from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from configs.schema import SearchFilters
from tasks.crawl.engines.engine import Answer, RefusedError, Request
from tasks.crawl.sources.google import ENGINE
from tasks.store.errors import UserError
from tests.helpers.asking import get, once
from tests.helpers.standin import StandIn


def _tbs(**filters: str) -> str:
    query = urlsplit(ENGINE.first("cat", SearchFilters(**filters)).url).query
    return next((part.removeprefix("tbs=") for part in query.split("&") if part.startswith("tbs=")), "")


def test_a_hit_has_the_page_that_shows_it_and_its_authors(standin: StandIn) -> None:
    first, second, *_ = once(standin.engine("google")).hits
    assert (first.page, first.author) == (f"{standin.url}/pages/google/0", None)
    assert second.author == "Zoë, Bo"


def test_photos_in_the_scripts_of_a_page_are_read_with_their_escapes_and_without_thumbnails(standin: StandIn) -> None:
    standin.moods["google"] = "html"
    page = once(standin.engine("google"))
    assert [hit.url for hit in page.hits] == standin.photos("cat", "google")
    assert {hit.url.partition("?")[0].rpartition(".")[2] for hit in page.hits} == {"jpg", "png", "webp", "JPEG", "gif"}
    assert not once(standin.engine("google"), "qwzx vbnm").hits


def test_every_escape_of_a_script_is_decoded() -> None:
    body = rb'<script>x=["https:\/\/a.b\/\ud83d\udc33\x20\u732b.webp?a\x3d1\u0026b=2",10,20]</script>'
    page = ENGINE.read(ENGINE.first("cat", SearchFilters()), Answer("https://www.google.com/search", 200, {}, body))
    assert [hit.url for hit in page.hits] == ["https://a.b/🐳%20猫.webp?a=1&b=2"]


def test_a_page_that_needs_javascript_is_a_refusal(standin: StandIn) -> None:
    standin.moods["google"] = "script"
    with pytest.raises(RefusedError, match="JavaScript"):
        once(standin.engine("google"))


def test_a_consent_page_is_a_refusal() -> None:
    answer = Answer("https://consent.google.com/ml?continue=x", 200, {}, b"<html>Before you continue to Google")
    with pytest.raises(RefusedError, match="consent"):
        ENGINE.read(ENGINE.first("cat", SearchFilters()), answer)


def test_photos_of_captchas_are_photos(standin: StandIn) -> None:
    request = standin.engine("google").first("cat", SearchFilters())
    answer = get(request)
    assert b"captcha" in answer.body
    assert len(ENGINE.read(request, replace(answer, status=200)).hits) == 5


def test_the_parameter_that_must_not_be_quoted_is_not(standin: StandIn) -> None:
    engine = standin.engine("google")
    assert "async=_fmt:json,p:1,ijn:0" in engine.first("cat", SearchFilters()).url
    standin.totals["cat"] = 30
    assert "async=_fmt:json,p:1,ijn:1" in once(engine).next[0].url
    quoted = Request(engine.first("cat", SearchFilters()).url.replace(":json,", "%3Ajson%2C"))
    with pytest.raises(RefusedError, match="HTTP 403"):
        engine.read(quoted, get(quoted))


def test_filters_are_those_of_its_search_page() -> None:
    assert _tbs(size="large", colour="red", type="drawing", licence="open", date="week") == (
        "il:cl,isz:l,ic:specific,isc:red,itp:lineart,qdr:w"
    )
    assert _tbs(date="2026-01-01..2026-06-30") == "cdr:1,cd_min:01%2F01%2F2026,cd_max:06%2F30%2F2026"
    assert _tbs() == ""


def test_a_least_size_is_its_next_larger_step() -> None:
    assert _tbs(size=">=640x480") == "isz:lt,islt:vga"
    assert _tbs(size=">=641x480") == "isz:lt,islt:svga"
    assert _tbs(size=">=300x400") == "isz:lt,islt:vga"
    with pytest.raises(UserError, match=r"size=>=9601x1: google doesn't offer that"):
        _tbs(size=">=9601x1")
