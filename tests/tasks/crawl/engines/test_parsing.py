"""Values in engines' responses, which may have any type."""

import pytest

from tasks.crawl.engines.engine import BlockedError, FormatChangedError, PageLimitError
from tasks.crawl.engines.parsing import (
    clean_text,
    dicts_in,
    is_block_page,
    json_object,
    parse_count,
    require_ok,
    strip_html,
    web_url,
)
from tasks.crawl.http.client import FetchResult


def _response(body: bytes = b"", status: int = 200, **headers: str) -> FetchResult:
    return FetchResult("https://a.example/", status, headers, body)


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("https://a.example/1.jpg", "https://a.example/1.jpg"),
        ("\x06 https://a.example/1.jpg\x00", "https://a.example/1.jpg"),
        (" //a.example/1.jpg ", "https://a.example/1.jpg"),
        ("https://a.example/a b\n.jpg", "https://a.example/a%20b.jpg"),
        ("HTTP://A.example/é", "HTTP://A.example/é"),
        *(
            (bad, None)
            for bad in ("", "1.jpg", "data:image/png;base64,x", "ftp://a/b", "http://", "http:///x", 7, None)
        ),
        *(
            (bad, None)
            for bad in ("http://[::1/x", "http://a:99999/x", "http://a:0/", "https://a/\ud800", ["http://a"])
        ),
    ],
)
def test_only_absolute_web_urls_are_accepted(value: object, url: str | None) -> None:
    assert web_url(value) == url


def test_texts_are_cleaned_of_entities_spaces_and_surrogates() -> None:
    assert clean_text(" a &amp; b\n\0 c\ud800 ") == "a & b c"
    assert clean_text("&nbsp; ") is None
    assert clean_text(7) is None
    assert strip_html('<a href="x">A&amp;B</a><script>x</script>') is not None
    assert strip_html("<b>Zoë</b>  <i>Bo</i>") == "Zoë Bo"
    assert strip_html("<") == "<"
    assert strip_html(None) is None


def test_counts_are_numbers_or_strings_of_digits() -> None:
    assert [parse_count(value) for value in (7, "7", 0)] == [7, 7, 0]
    assert [parse_count(value) for value in (-1, "-1", True, 1.5, None, "٣", "9" * 5000, [], 10**400)] == [None] * 9


def test_lists_keep_only_objects() -> None:
    assert dicts_in([{"a": 1}, None, 7, []]) == [{"a": 1}]
    assert dicts_in({"a": 1}) == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b"null", b'"x"', b"\xff\xfe\x00", b"[" * 200_000, b'{"a":' * 200_000]
)
def test_anything_but_a_json_object_is_a_changed_format(body: bytes) -> None:
    with pytest.raises(FormatChangedError):
        json_object(_response(body))


def test_one_invalid_byte_does_not_lose_a_page() -> None:
    assert json_object(_response(b'{"a": "\xff", "b": 1}'))["b"] == 1


def test_a_captcha_is_not_a_changed_format() -> None:
    page = _response(b"<html><div class='g-recaptcha'></div>")
    assert is_block_page(page)
    with pytest.raises(BlockedError):
        json_object(page)
    assert not is_block_page(_response(b'{"title": "captcha"}'))


@pytest.mark.parametrize(
    ("status", "kind"),
    [(status, BlockedError) for status in (403, 429, 500, 503)]
    + [(status, FormatChangedError) for status in (204, 302, 400, 404, 410)],
)
def test_a_status_means_blocked_or_changed(status: int, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=f"HTTP {status}"):
        require_ok(_response(b'{"detail": "no"}', status))


@pytest.mark.parametrize("piece", [b"[],", b'{"a":1},', b"1.5,", b"[[]],"])
def test_json_of_very_many_values_is_over_the_limit(piece: bytes) -> None:
    with pytest.raises(PageLimitError, match="more than 100,000 values"):
        json_object(_response(b'{"a":[' + piece * 200_000 + b"0]}"))


@pytest.mark.parametrize(
    "body", [b"[" * 10_000_000, b'{"a":' * 1_000_000, b'{"a":' + b"9" * 10_000_000 + b"}", b"\xff" * 100]
)
def test_json_that_is_nested_deeply_or_has_huge_numbers_is_a_changed_format(body: bytes) -> None:
    with pytest.raises(FormatChangedError):
        json_object(_response(body))


@pytest.mark.parametrize(
    "url", ["http://a.com/" + "b" * 20_000, "http://a" + "\u0301\u0323" * 4_000 + "/", "ht\ntp:/\t/" + "\u0301" * 2_000]
)
def test_a_text_that_is_too_long_for_a_url_is_none(url: str) -> None:
    assert web_url(url) is None
    assert web_url("http://a.com/" + "b" * 8_000)


def test_a_long_text_is_cut() -> None:
    assert len(clean_text("a" * 10_000_000) or "") == len(strip_html("<b>" + "a" * 10_000_000) or "") + 3 == 10_000
