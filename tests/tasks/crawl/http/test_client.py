"""GET requests: headers, retries, errors and time slots."""

import time
from collections.abc import Callable
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

from tasks.crawl.http import FetchError
from tasks.crawl.http.client import Client
from tasks.crawl.http.host_limits import HostLimit
from tasks.crawl.http.robots import user_agent
from tests.helpers.raw_replies import failure, raw, reset

Make = Callable[..., Client]


def test_a_photo_is_fetched_with_its_headers_and_counted(site: Any, client: Make) -> None:
    site.on("/a", site.status(200, b"photo", ETag='"x"'))
    web = client()
    response = web.fetch_photo(f"{site.url}/a")
    assert (response.url, response.status, response.body) == (f"{site.url}/a", 200, b"photo")
    assert response.headers["etag"] == '"x"'
    assert (web.requests, web.bytes) == (1, 5)


def test_the_user_agent_is_always_our_own(site: Any, client: Make) -> None:
    site.on("/a", b"photo")
    client(contact="me@example.org").fetch_photo(f"{site.url}/a")
    client().fetch_page(f"{site.url}/a", {"User-Agent": "Mozilla", "X-Key": "1"}, is_api=True)
    first, second = site.headers
    assert first["User-Agent"].startswith("fluke")
    assert first["User-Agent"].endswith("(+me@example.org)")
    assert second["User-Agent"] == user_agent()
    assert second["X-Key"] == "1"


def test_the_connection_is_reused(site: Any, client: Make) -> None:
    ports = set()

    def reply(handler: Any) -> None:
        ports.add(handler.client_address[1])
        site.status(404 if handler.path == "/gone" else 200, b"photo" * 1000)(handler)

    for path in ("/a", "/gone", "/b"):
        site.on(path, reply)
    site.on("/to", site.status(302, b"there", Location="/a"))
    web = client()
    for path in ("/a", "/gone", "/to", "/b"):
        try:
            web.fetch_photo(f"{site.url}{path}")
        except FetchError:
            assert path == "/gone"
    assert len(ports) == 1


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_transient_status_is_retried(site: Any, client: Make, code: int) -> None:
    site.on("/a", site.status(code, b"busy"), site.status(code), b"photo")
    assert client().fetch_photo(f"{site.url}/a").body == b"photo"
    assert site.asked["/a"] == 3


@pytest.mark.parametrize("bad", [reset, raw(b"Content-Length: 9\r\n", b"short"), None])
def test_a_broken_response_is_retried(site: Any, client: Make, bad: Any) -> None:
    def nothing(handler: Any) -> None:
        handler.close_connection = True

    site.on("/a", bad or nothing, b"photo")
    assert client().fetch_photo(f"{site.url}/a").body == b"photo"


def test_a_server_that_stays_down_is_an_error_after_the_retries(site: Any, client: Make) -> None:
    site.on("/a", site.status(503))
    error = failure(lambda: client(retries=1).fetch_photo(f"{site.url}/a"))
    assert (str(error), error.status, error.transient, error.no_response) == ("HTTP 503", 503, True, False)
    assert site.asked["/a"] == 2


@pytest.mark.parametrize("code", [404, 403, 410, 204, 206, 304])
def test_a_permanent_status_is_not_retried(site: Any, client: Make, code: int) -> None:
    site.on("/a", site.status(code))
    error = failure(lambda: client().fetch_photo(f"{site.url}/a"))
    assert (str(error), error.transient, site.asked["/a"]) == (f"HTTP {code}", False, 1)


def test_pages_are_returned_whatever_their_status(site: Any, client: Make) -> None:
    site.on("/a", site.status(429, b"captcha"))
    site.on("/b", site.status(403, b"why not"))
    web = client(retries=1)
    responses = [web.fetch_page(f"{site.url}/{name}", {}, is_api=True) for name in "ab"]
    assert [(response.status, response.body) for response in responses] == [(429, b"captcha"), (403, b"why not")]
    assert (site.asked["/a"], site.asked["/b"]) == (2, 1)


def test_a_secret_is_sent_but_not_in_the_result(site: Any, client: Make) -> None:
    site.on("/a?q=x&key=s%3D1", site.status(302, Location="/b?key=s%3D1&p=2"))
    site.on("/a?q=x&key=s=1", site.status(302, Location="/b?key=s%3D1&p=2"))
    site.on("/b?key=s=1&p=2", b"page")
    response = client().fetch_page(f"{site.url}/a?q=x", {}, secret="key=s%3D1", is_api=True)
    assert (response.url, response.body) == (f"{site.url}/b?p=2", b"page")


def test_a_failed_connection_has_a_reason(client: Make, names: Any) -> None:
    web = client(retries=0, unthrottled=("127.0.0.1",), robots="nowhere")
    for url in ("http://127.0.0.1:1/a", "http://unknown.example/"):
        error = failure(lambda url=url: web.fetch_photo(url))  # type: ignore[misc]
        assert (str(error), error.transient, error.no_response) == ("no connection", True, True)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (raw(b"Content-Length: 1000\r\n", b"only this"), "wrong length"),
        (raw(b"Content-Length: 4\r\nContent-Length: 5\r\n", b"four"), "wrong length"),
        (raw(b"Transfer-Encoding: chunked\r\n", b"9\r\nshort"), "broken off"),
        (reset, "broken off"),
        (lambda handler: handler.wfile.write(b"\0\1\2 nonsense\r\n\r\n"), "broken off"),
    ],
)
def test_a_broken_response_has_a_reason(site: Any, client: Make, reply: Any, reason: str) -> None:
    site.on("/a", reply)
    error = failure(lambda: client(retries=0, timeout_s=0.5).fetch_photo(f"{site.url}/a"))
    assert (str(error), error.transient, error.status) == (reason, True, None)


def test_retry_after_delays_the_retry_and_all_requests_to_the_host(site: Any, limited: Make, example: str) -> None:
    site.on("/a", site.status(429, Retry_After="20"), b"photo")
    web = limited(robots="nowhere")
    host = urlsplit(example).netloc
    thread = Thread(target=failure, args=(lambda: web.fetch_photo(f"{example}/a"),))
    thread.start()
    while web.rate_limiter.acquire(host) < 10:  # until the host is paused for 20 s
        time.sleep(0.001)
    web.cancel()
    thread.join()
    assert site.asked["/a"] == 1


def test_a_request_is_sent_again_after_the_pause(site: Any, limited: Make, example: str) -> None:
    site.on("/a", site.status(429, Retry_After="0.05"), b"photo")
    assert limited().fetch_photo(f"{example}/a").body == b"photo"
    assert site.asked["/a"] == 2


def test_each_request_to_a_host_needs_its_own_time_slot(
    site: Any, limited: Make, example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.on("/a", site.status(302, Location="/b"))
    site.on("/b", b"photo")
    web = limited(robots="nowhere")
    waits: list[float] = []
    acquire = web.rate_limiter.acquire

    def record(host: str) -> float:
        waits.append(acquire(host))
        return waits[-1]

    monkeypatch.setattr(web.rate_limiter, "acquire", record)
    web.fetch_photo(f"{example}/a")
    web.fetch_page(f"{example}/b", {}, is_api=True)
    assert waits.count(0) == site.asked["/a"] + site.asked["/b"] == 3


def test_a_host_that_wants_a_long_pause_is_not_asked_again(site: Any, client: Make) -> None:
    site.on("/a", site.status(429, Retry_After="3559"))
    assert client(retries=2).fetch_page(f"{site.url}/a", {}, is_api=True).status == 429
    assert site.asked["/a"] == 1


def test_a_form_is_posted_and_never_follows_a_redirect(
    site: Any, client: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = []

    def reply(handler: Any) -> None:
        received.append((handler.headers["Content-Type"], handler.rfile.read(int(handler.headers["Content-Length"]))))
        site.status(302, b"moved", Location="/elsewhere")(handler)

    monkeypatch.setattr(site.RequestHandlerClass, "do_POST", reply, raising=False)
    result = client().fetch_page(f"{site.url}/token", {}, form="client_secret=s", is_api=True)
    assert received == [("application/x-www-form-urlencoded", b"client_secret=s")]
    assert (result.status, result.url, result.body) == (302, f"{site.url}/token", b"moved")
    assert site.asked == {}


def test_an_api_that_states_its_rate_is_asked_that_often(site: Any, limited: Make, example: str) -> None:
    site.on("/a", site.status(200, b"{}", **{"X-RateLimit-Limit-anon_burst": "20/min"}))
    web = limited(robots="nowhere")
    host = urlsplit(example).netloc
    web.fetch_page(f"{example}/a", {}, is_api=True)
    assert 2 < web.rate_limiter.acquire(host) <= 3


def test_a_host_with_a_limit_gets_one_request_at_a_time(site: Any, limited: Make, example: str) -> None:
    running, most, lock = [0], [0], Lock()

    def reply(handler: Any) -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.02)
        with lock:
            running[0] -= 1
        site.status(200, b"photo")(handler)

    for limits, expected in (({"photos.example": HostLimit(1000, 1, "a test")}, 1), ({}, 4)):
        most[0] = 0
        site.on("/a", reply)
        web = limited(robots="nowhere", host_limits=limits)
        threads = [Thread(target=web.fetch_photo, args=(f"{example}/a",)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (most[0] == 1) is (expected == 1)


def test_a_host_with_a_limit_and_a_robots_txt_is_no_deadlock(site: Any, limited: Make, example: str) -> None:
    site.on("/robots.txt", b"User-agent: *\nDisallow: /private")
    site.on("/a", b"photo")
    web = limited(host_limits={"photos.example": HostLimit(1000, 1, "a test")})
    assert web.fetch_photo(f"{example}/a").body == b"photo"
