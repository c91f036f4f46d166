"""HTML as a list of tags, within limits on time and memory."""

import random
import time
from base64 import b64encode
from codecs import BOM_UTF16_LE

import pytest

from tasks.crawl.engines.engine import PageLimitError
from tasks.crawl.engines.html_tags import Tag, parse_tags, text_of


def _filled(piece: bytes, before: bytes = b"", megabytes: float = 10) -> bytes:
    return before + piece * int(megabytes * 1e6 / len(piece))


def test_tags_come_in_their_order_with_their_parents() -> None:
    tags = parse_tags(b'<A HREF=x Class="a b"><img src=1></a><p>text<p hidden>')
    assert [tag.name for tag in tags] == ["html", "body", "a", "img", "p", "p"]
    assert [tag.parent for tag in tags] == [-1, 0, 1, 2, 1, 1]
    assert tags[2].attributes == {"href": "x", "class": "a b"}
    assert tags[2].words("class") == {"a", "b"}
    assert tags[5].attributes == {"hidden": ""}


@pytest.mark.parametrize("page", [b"", b" ", b"\0", b"<!-- x -->", b"text", b"<", b"</a>", b"<![CDATA[", b"\xff\xfe"])
def test_a_page_without_tags_has_no_images(page: bytes) -> None:
    assert {tag.name for tag in parse_tags(page)} <= {"html", "body", "p"}


@pytest.mark.parametrize(
    "page",
    [
        "<img alt=ü>".encode(),
        "\ufeff<img alt=ü>".encode(),
        BOM_UTF16_LE + "<img alt=ü>".encode("utf-16-le"),
        '<meta charset="latin-1"><img alt=ü>'.encode("latin-1"),
        "<meta http-equiv=content-type content='text/html; charset=iso-8859-15'><img alt=ü>".encode("latin-1"),
        "<?xml version='1.0' encoding='cp1252'?><img alt=ü>".encode("latin-1"),
        b"<meta charset=utf-16>" + "<img alt=ü>".encode(),  # it can't be: the declaration was read
        b"<meta charset=zlib>" + "<img alt=ü>".encode(),
        b"<meta charset=punycode>" + "<img alt=ü>".encode(),
        b"<meta charset=nonsense>" + "<img alt=ü>".encode(),
    ],
)
def test_the_encoding_is_the_marked_or_declared_one_or_utf_8(page: bytes) -> None:
    assert next(tag for tag in parse_tags(page) if tag.name == "img").attributes["alt"] == "ü"


_HOSTILE = [
    (_filled(b"<b>"), "more than 200,000 tags"),
    (_filled(b"<a href=x></a>"), "more than 200,000 tags"),
    (_filled(b"<table><tr><td>"), "more than 200,000 tags"),
    ("\ufeff".encode("utf-16-le") + ("<b>" * 500_000).encode("utf-16-le"), "more than 200,000 tags"),
    (b"<a " + b" ".join(b"a%d=1" % number for number in range(900_000)) + b">", "a tag of the page is too long"),
    (b"<a " + b"/".join(b"%x" % number for number in range(900_000)), "a tag of the page is too long"),
    (b"".join(b"<a " + b" ".join(b"%x" % i for i in range(900)) + b">" for _ in range(900)), "more than 400,000 attr"),
    (_filled(b"</i>", b"<b>" * 20_000), "nested too deeply"),
    (_filled(b"<body a=b>", b"<div>" * 20_000), "nested too deeply"),
    (_filled(b"<"), "more than 1,000,000 pieces of text"),
    (_filled(b"&amp;"), "more than 1,000,000 pieces of text"),
    (_filled(b"\0"), "more than 1,000,000 pieces of text"),
    (_filled(b"<p></i>", b"<b>" * 20_000), "more than 200,000 tags"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("page", "why"), _HOSTILE, ids=[f"{page[:9]!r}" for page, _ in _HOSTILE])
def test_a_page_over_a_limit_is_an_error_within_seconds(page: bytes, why: str) -> None:
    start = time.process_time()
    with pytest.raises(PageLimitError, match=why):
        parse_tags(page)
    assert time.process_time() - start < 5  # it takes half a second


_LARGE = [
    *(_filled(b"a 'b' /", before) for before in (b"", b"<!--", b"<script>var a = '<p>';", b"<style>", b"<pre>")),
    *(_filled(piece) for piece in (b"<!--", b"&", b"<?x", b"<![CDATA[")),
    b'<img src="data:image/png;base64,' + b64encode(random.Random(0).randbytes(6_000_000)) + b'">',
    b"<div>" * 20_000 + b"<img src=1.jpg>" * 5_000,
]


@pytest.mark.parametrize("page", _LARGE, ids=[f"{page[:9]!r}" for page in _LARGE])
def test_text_scripts_comments_and_embedded_images_may_be_large(page: bytes) -> None:
    start = time.process_time()
    parse_tags(page)
    assert time.process_time() - start < 5


def test_the_text_of_a_fragment() -> None:
    assert text_of("<b>Zoë</b>&amp;<!-- x --><script>y</script><i>Bo").split() == ["Zoë", "&", "Bo"]
    assert text_of("") == ""
    assert text_of("<b>" * 3_000 + "x").strip() == "x"


def test_a_tag_is_light() -> None:
    assert parse_tags(b"<b><b>")[-1].attributes is parse_tags(b"<i>")[-1].attributes
    assert Tag("a", {}, -1).words("class") == set()
