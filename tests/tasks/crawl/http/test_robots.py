"""robots.txt and X-Robots-Tag: how they are parsed, and that the client obeys them."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest

from tasks.crawl.http import FetchError
from tasks.crawl.http.client import Client
from tasks.crawl.http.rate_limit import RateLimiter
from tasks.crawl.http.robots import RobotsTxt, for_us, forbids_ai
from tasks.crawl.http.urls import normalize_url
from tests.helpers.clock import FakeClock

Make = Callable[..., Client]


def rules(text: str = "", status: int = 200) -> RobotsTxt:
    return RobotsTxt(lambda url: (status, text.encode()), RateLimiter(1000))


@pytest.mark.parametrize(
    ("headers", "forbidden"),
    [
        (["noai"], True),
        (["NoImageAI"], True),
        (["noindex, noai"], True),
        (["fluke: noai"], True),
        (["otherbot: noai"], False),
        (["otherbot: noindex, noai"], False),
        (["otherbot: noai, fluke: noimageai"], True),
        (["otherbot: noai", "noai"], True),
        (["unavailable_after: 25 Jun 2030 15:00:00 PST, noai"], True),
        (["max-image-preview: large"], False),
        (["noindex, nofollow"], False),
        ([], False),
    ],
)
def test_noai_applies_if_it_is_for_us_or_everybody(headers: list[str], forbidden: bool) -> None:
    assert forbids_ai(headers) == forbidden


def test_rules_for_us_take_precedence_over_those_for_everybody() -> None:
    robots = rules("User-agent: *\nDisallow: /\n\nUser-agent: Fluke\nDisallow: /private\nAllow: /private/open\n")
    robots.check(normalize_url("http://a.example/x"))
    robots.check(normalize_url("http://a.example/private/open/1.jpg"))
    with pytest.raises(FetchError, match=r"robots\.txt") as caught:
        robots.check(normalize_url("http://a.example/private/1.jpg"))
    assert not caught.value.transient


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_without_robots_txt_everything_is_allowed(status: int) -> None:
    rules("User-agent: *\nDisallow: /", status).check(normalize_url("http://a.example/x"))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_error_forbids_everything_for_now(status: int) -> None:
    with pytest.raises(FetchError, match=rf"robots\.txt: HTTP {status}") as caught:
        rules("", status).check(normalize_url("http://a.example/x"))
    assert caught.value.transient
    assert not caught.value.no_response


def test_a_malicious_pattern_is_matched_without_backtracking() -> None:
    """A backtracking matcher would run for hours, and exceed the time limit of every test."""
    robots = rules("User-agent: *\nDisallow: /" + "*a" * 40 + "b")
    robots.check(normalize_url("http://a.example/" + "a" * 200))


def test_robots_txt_is_fetched_once_for_all_threads(site: Any, limited: Make, example: str) -> None:
    def rules(handler: Any) -> None:
        time.sleep(0.05)
        site.status(200, b"User-agent: *\nDisallow: /no")(handler)

    site.on("/robots.txt", rules)
    site.on("/yes", b"photo")
    web = limited()
    with ThreadPoolExecutor(8) as pool:
        assert {answer.body for answer in pool.map(web.fetch_photo, [f"{example}/yes"] * 8)} == {b"photo"}
    with pytest.raises(FetchError, match=r"robots\.txt"):
        web.fetch_photo(f"{example}/no/1.jpg")
    assert (site.asked["/robots.txt"], site.asked["/yes"], site.asked["/no/1.jpg"]) == (1, 8, 0)


def test_each_port_has_its_own_rules(site: Any, limited: Make, example: str) -> None:
    site.on("/a", b"photo")
    web = limited()
    web.fetch_photo(f"{example}/a")
    with pytest.raises(FetchError, match=r"robots\.txt: no connection") as caught:
        web.fetch_photo("http://photos.example:1/a")
    assert caught.value.no_response


def test_a_large_file_is_truncated(site: Any, limited: Make, example: str) -> None:
    lines = b"User-agent: *\nDisallow: /no\n" + b"#" * 600_000 + b"\nDisallow: /late\n"
    site.on("/robots.txt", lines)
    site.on("/late", b"photo")
    web = limited()
    assert web.fetch_photo(f"{example}/late").body == b"photo"
    with pytest.raises(FetchError, match=r"robots\.txt"):
        web.fetch_photo(f"{example}/no")


def test_redirects_are_checked_too(site: Any, limited: Make, example: str) -> None:
    site.on("/robots.txt", b"User-agent: *\nDisallow: /no")
    site.on("/a", site.status(302, Location="/no"))
    with pytest.raises(FetchError, match=r"robots\.txt"):
        limited().fetch_photo(f"{example}/a")
    assert site.asked["/no"] == 0


def test_a_crawl_delay_is_passed_to_the_rate_limiter(
    site: Any, limited: Make, example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.on("/robots.txt", b"User-agent: *\nCrawl-delay: 0.05")
    site.on("/a", b"photo")
    web = limited()
    delays = []
    monkeypatch.setattr(web.rate_limiter, "set_delay", lambda host, delay_s: delays.append((host, delay_s)))
    for _ in range(2):
        web.fetch_photo(f"{example}/a")
    assert delays == [(urlsplit(example).netloc, 0.05)]


def test_a_crawl_delay_applies_from_the_first_request() -> None:
    rate_limiter = RateLimiter(1000, clock=FakeClock())
    robots = RobotsTxt(lambda url: (200, b"User-agent: *\nCrawl-delay: 5"), rate_limiter)
    rate_limiter.acquire("a.example")
    robots.check(normalize_url("http://a.example/x"))
    assert rate_limiter.acquire("a.example") == 5


@pytest.mark.parametrize(
    ("setting", "allowed"),
    [("everywhere", {"API"}), ("photos", {"API", "result page"}), ("nowhere", None)],
)
def test_the_setting_decides_where_robots_txt_applies(
    site: Any, limited: Make, example: str, setting: str, allowed: set[str] | None
) -> None:
    site.on("/robots.txt", b"User-agent: *\nDisallow: /")
    site.on("/a", b"body")
    web = limited(robots=setting)
    url = f"{example}/a"
    asks = {
        "photo": lambda: web.fetch_photo(url),
        "page of a site": lambda: web.fetch_page(url, {}, is_api=False, is_site=True),
        "result page": lambda: web.fetch_page(url, {}, is_api=False),
        "API": lambda: web.fetch_page(url, {}, is_api=True),
    }
    for name, ask in asks.items():
        if allowed is None or name in allowed:
            assert ask().body == b"body"
        else:
            with pytest.raises(FetchError, match=r"robots\.txt"):
                ask()
    assert site.asked["/robots.txt"] == (0 if allowed is None else 1)


def test_noai_is_obeyed_unless_switched_off(site: Any, limited: Make, example: str) -> None:
    site.on("/a", site.status(200, b"photo", X_Robots_Tag="noimageai"))
    with pytest.raises(FetchError, match="noai") as caught:
        limited().fetch_photo(f"{example}/a")
    assert not caught.value.transient
    assert limited(robots="nowhere").fetch_photo(f"{example}/a").body == b"photo"


def test_other_robots_share_one_name_so_that_their_rules_are_not_copied_for_each() -> None:
    agents = "".join(f"{word}: robot{number}\n" for number in range(4000) for word in ("User-agent", "user  agent"))
    text = agents + "User-agent: Flu*ke\nDisallow: /a\n\nUSERAGENT: * # all\nDisallow: /b\n" + "Disallow: /c\n" * 4000
    assert for_us(text).splitlines()[:3] == ["User-agent: another", "User-agent: Flu*ke", "Disallow: /a"]
    start = time.process_time()
    robots = rules(text)
    with pytest.raises(FetchError, match=r"^robots\.txt$"):
        robots.check(normalize_url("http://a.com/a"))
    robots.check(normalize_url("http://a.com/b"))
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    "text", ["User-agent: fluke\nDisallow: /a", "user-agent:*\nDisallow: /a", "useragent flu\nDisallow: /a"]
)
def test_our_own_group_counts_however_it_is_written(text: str) -> None:
    with pytest.raises(FetchError, match=r"^robots\.txt$"):
        rules(f"User-agent: other\nAllow: /\n\n{text}").check(normalize_url("http://a.com/a"))


def test_a_host_with_thousands_of_wildcards_is_not_asked() -> None:
    text = "User-agent: *\n" + "".join(f"Disallow: /*a*{number}\n" for number in range(6000))
    with pytest.raises(FetchError, match=r"robots\.txt: too many rules") as caught:
        rules(text).check(normalize_url("http://a.com/a"))
    assert not caught.value.transient
