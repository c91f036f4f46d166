"""Image URLs and page links in HTML."""

import pytest

from tasks.crawl.engines.html import base_url, image_urls, largest_in_srcset, page_links, quote_url
from tasks.crawl.engines.html_tags import parse_tags

PAGE = "https://a.example/x/y.html"
_MANY = "<source srcset=1.jpg>" * 4_000 + "<img src=2.jpg>" * 4_000


def _images(html: str) -> list[str]:
    return image_urls(parse_tags(html.encode()), PAGE)


def _links(html: str) -> list[str]:
    page = parse_tags(html.encode())
    return page_links(page, base_url(page, PAGE), PAGE)


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<img src="1.jpg">', "https://a.example/x/1.jpg"),
        ('<img src="//b.example/1.jpg?w=1#a">', "https://b.example/1.jpg?w=1"),
        ('<img src="blank.gif" data-original="1.jpg">', "https://a.example/x/1.jpg"),
        ('<img src="s.jpg" srcset="m.jpg 1.5x, l.jpg 3x">', "https://a.example/x/l.jpg"),
        ('<img src="s.jpg" data-srcset="l.jpg 900w,m.jpg 600w">', "https://a.example/x/l.jpg"),
        (
            '<picture><source srcset="a.webp 9w"><source srcset="b.jpg 99w"><img src="c.jpg"></picture>',
            "https://a.example/x/b.jpg",
        ),
        ('<picture><source type="image/svg+xml" srcset="a"><img src="c.jpg"></picture>', "https://a.example/x/c.jpg"),
        ('<a href="full.JPEG"><img src="t.jpg"></a>', "https://a.example/x/full.JPEG"),
        ('<a href="page"><img src="t.jpg"></a>', "https://a.example/x/t.jpg"),
        ('<meta property="og:image" content="/og.png">', "https://a.example/og.png"),
        ('<img src="a b ü.jpg">', "https://a.example/x/a%20b%20%C3%BC.jpg"),
        ('<img src="photo?id=3">', "https://a.example/x/photo?id=3"),
    ],
)
def test_an_image_is_found_once_at_its_largest_size(html: str, found: str) -> None:
    assert _images(html + html) == [found]


@pytest.mark.parametrize(
    "html",
    [
        '<img src="data:image/png;base64,AAAA">',
        '<img src="logo.svg?v=1">',
        '<img src="javascript:x">',
        '<img src="http://[::1/x.jpg">',
        "<img>",
        '<a href="http://[/x.jpg">x</a>',
        '<a rel="nofollow" href="x.jpg">x</a>',
    ],
)
def test_other_urls_are_not_images(html: str) -> None:
    assert _images(html) == []


@pytest.mark.timeout(60)  # a search outwards from each image took minutes; one pass takes a second or two
@pytest.mark.parametrize("html", ["<div>" * 20_000 + "<img src=1.jpg>" * 5_000, "<picture>" + _MANY])
def test_a_deeply_nested_page_is_parsed_in_one_pass(html: str) -> None:
    page = parse_tags(html.encode())
    assert image_urls(page, PAGE) == ["https://a.example/x/1.jpg"]


def test_a_srcset_may_contain_urls_with_commas() -> None:
    assert largest_in_srcset("https://c.example/w_320,h_1/a.jpg 320w, https://c.example/w_640,h_2/a.jpg 640w") == (
        640.0,
        "https://c.example/w_640,h_2/a.jpg",
    )
    assert largest_in_srcset("a.jpg, b.jpg 2x") == (2.0, "b.jpg")
    assert largest_in_srcset("") is None
    assert largest_in_srcset(" ,, ,") is None
    assert largest_in_srcset("," * 19_000 + "a.jpg 2x,") == (2.0, "a.jpg")
    assert largest_in_srcset("a.jpg 1.2.3x") == (1.0, "a.jpg")


def test_links_lead_to_pages_of_the_same_host_each_once() -> None:
    html = """<base href="/z/"><a href="1">a</a><a href="1#b">b</a><area href="https://A.example/2">
        <a href="//b.example/">c</a>"""
    assert _links(html) == ["https://a.example/z/1", "https://A.example/2"]


@pytest.mark.parametrize(
    "href",
    [
        *("#top", "y.html", "mailto:a@b", "javascript:void(0)", "a.pdf", "p.jpg", "feed.xml", "http://["),
        *("https://a.example:8080/", "/logout", "/sign-in", "/users/login/x", "/x?action=delete"),
        "/shop?size=1&colour=2&sort=3",
    ],
)
def test_links_to_files_and_actions_are_ignored(href: str) -> None:
    assert _links(f'<a href="{href}">x</a>') == []


def test_links_with_few_parameters_are_followed() -> None:
    assert _links('<a href="?category=3&amp;page=2">x</a>') == ["https://a.example/x/y.html?category=3&page=2"]


def test_encoded_characters_are_not_encoded_again() -> None:
    assert quote_url("https://a.example/%20%C3%BC/ü?q=%26") == "https://a.example/%20%C3%BC/%C3%BC?q=%26"
    assert quote_url("https://a.example") == "https://a.example/"
