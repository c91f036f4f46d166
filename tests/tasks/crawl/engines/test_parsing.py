"""Values of engines' answers, which may be anything."""

import pytest

from tasks.crawl.engines.engine import Answer, ChangedError, RefusedError
from tasks.crawl.engines.parsing import for_humans, items, object_of, plain, require_ok, web_url, whole, words


def _answer(body: bytes = b"", status: int = 200, **headers: str) -> Answer:
    return Answer("https://a.example/", status, headers, body)


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
def test_only_whole_web_addresses_count(value: object, url: str | None) -> None:
    assert web_url(value) == url


def test_texts_lose_entities_spaces_and_what_cannot_be_stored() -> None:
    assert words(" a &amp; b\n\0 c\ud800 ") == "a & b c"
    assert words("&nbsp; ") is None
    assert words(7) is None
    assert plain('<a href="x">A&amp;B</a><script>x</script>') is not None
    assert plain("<b>Zoë</b>  <i>Bo</i>") == "Zoë Bo"
    assert plain("<") == "<"
    assert plain(None) is None


def test_numbers_may_be_texts_but_nothing_else() -> None:
    assert [whole(value) for value in (7, "7", 0)] == [7, 7, 0]
    assert [whole(value) for value in (-1, "-1", True, 1.5, None, "٣", "9" * 5000, [])] == [None] * 8


def test_lists_lose_what_is_no_object() -> None:
    assert items([{"a": 1}, None, 7, []]) == [{"a": 1}]
    assert items({"a": 1}) == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b"null", b'"x"', b"\xff\xfe\x00", b"[" * 200_000, b'{"a":' * 200_000]
)
def test_what_is_no_json_object_is_a_change(body: bytes) -> None:
    with pytest.raises(ChangedError):
        object_of(_answer(body))


def test_one_bad_byte_does_not_cost_a_page() -> None:
    assert object_of(_answer(b'{"a": "\xff", "b": 1}'))["b"] == 1


def test_a_captcha_is_no_change() -> None:
    page = _answer(b"<html><div class='g-recaptcha'></div>")
    assert for_humans(page)
    with pytest.raises(RefusedError):
        object_of(page)
    assert not for_humans(_answer(b'{"title": "captcha"}'))


@pytest.mark.parametrize(
    ("status", "kind"),
    [(status, RefusedError) for status in (403, 429, 500, 503)]
    + [(status, ChangedError) for status in (204, 302, 400, 404, 410)],
)
def test_statuses_are_refusals_or_changes(status: int, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=f"HTTP {status}"):
        require_ok(_answer(b'{"detail": "no"}', status))
