"""Limits of time and size, and compressed bodies."""

import gzip
import itertools
from collections.abc import Callable
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.crawl.http import connections
from tasks.crawl.http.client import Client
from tests.helpers.raw_replies import failure, raw

Make = Callable[..., Client]


def test_no_response_ends_at_the_timeout(site: Any, client: Make, released: Event) -> None:
    site.on("/a", lambda handler: released.wait(10))
    error = failure(lambda: client(timeout_s=0.05, retries=0).fetch_photo(f"{site.url}/a"))
    assert (str(error), error.no_response) == ("no answer in time", True)


def test_a_stalled_body_ends_at_the_timeout(site: Any, client: Make, released: Event) -> None:
    site.on("/a", raw(b"Content-Length: 9\r\n", b"x", pause_s=10, until=released))
    error = failure(lambda: client(timeout_s=0.05, retries=0).fetch_photo(f"{site.url}/a"))
    assert str(error) == "no answer in time"


@pytest.mark.slow
def test_a_server_may_pause_within_the_timeout(site: Any, client: Make) -> None:
    site.on("/a", raw(b"Content-Length: 6\r\n", *[b"x"] * 6, pause_s=0.1))
    assert client(timeout_s=0.5, retries=0).fetch_photo(f"{site.url}/a").body == b"xxxxxx"


@pytest.fixture
def short_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A response may take 0.1 s at first and 0.5 s at most (with `timeout_s=5`), although each read may wait 5 s."""
    monkeypatch.setattr(connections, "FIRST_TIMEOUTS", 0.02)
    monkeypatch.setattr(connections, "MAX_TIMEOUTS", 0.1)


def test_received_bytes_extend_the_deadline(
    site: Any, client: Make, short_deadline: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each read takes 0.05 s by a clock of the test."""
    reads = itertools.count()
    monkeypatch.setattr(connections, "time", SimpleNamespace(monotonic=lambda: 0.05 * next(reads)))
    monkeypatch.setattr(connections, "MAX_TIMEOUTS", 20)
    site.on("/a", raw(b"Content-Length: 4500\r\n", *[b"x" * 300] * 15, pause_s=0.02))
    assert len(client(timeout_s=5, retries=0).fetch_photo(f"{site.url}/a").body) == 4500


def test_a_body_that_arrives_too_slowly_is_an_error(
    site: Any, client: Make, released: Event, short_deadline: None
) -> None:
    site.on("/a", raw(b"", b"x", pause_s=0.005, until=released))
    error = failure(lambda: client(timeout_s=5).fetch_photo(f"{site.url}/a"))
    assert (str(error), error.transient, site.asked["/a"]) == ("too slow", True, 1)


@pytest.mark.slow
@pytest.mark.parametrize("endless", [b"HTTP/1.1 100 Continue\r\n\r\n", b"X"])
def test_headers_that_never_end_are_an_error(
    site: Any, client: Make, released: Event, short_deadline: None, endless: bytes
) -> None:
    def drip(handler: Any) -> None:
        handler.close_connection = True
        try:
            while not released.wait(0.005):
                handler.wfile.write(endless)
                handler.wfile.flush()
        except OSError:
            pass

    site.on("/a", drip)
    error = failure(lambda: client(timeout_s=5).fetch_photo(f"{site.url}/a"))
    assert (str(error), site.asked["/a"]) == ("too slow", 1)


def test_an_endless_body_is_too_large(site: Any, client: Make, released: Event) -> None:
    site.on("/a", raw(b"", b"x" * 50_000, until=released))
    web = client(max_photo_mb=1)
    error = failure(lambda: web.fetch_photo(f"{site.url}/a"))
    assert (str(error), error.transient) == ("too large", False)
    assert 1e6 <= web.bytes < 1.5e6


def test_a_body_with_too_large_a_content_length_is_not_read(site: Any, client: Make) -> None:
    site.on("/a", site.status(200, b"x" * 2_000_000))
    web = client(max_photo_mb=1)
    assert str(failure(lambda: web.fetch_photo(f"{site.url}/a"))) == "too large"
    assert web.bytes == 0


@pytest.mark.parametrize("layers", [1, 2])
def test_a_decompression_bomb_is_too_large(site: Any, client: Make, layers: int) -> None:
    bomb = b"\0" * 30_000_000
    for _ in range(layers):
        bomb = gzip.compress(bomb)
    encoding = ", ".join(["gzip"] * layers)
    site.on("/a", site.status(200, bomb, Content_Encoding=encoding))
    web = client(max_photo_mb=1)
    assert str(failure(lambda: web.fetch_photo(f"{site.url}/a"))) == "too large"
    assert str(failure(lambda: web.fetch_page(f"{site.url}/a", {}, is_api=True))) == "too large"


def test_bodies_are_decompressed_and_may_be_empty(site: Any, client: Make) -> None:
    site.on("/a", site.status(200, gzip.compress(b"photo" * 100_000), Content_Encoding="gzip"))
    site.on("/b", b"")
    site.on("/c", site.status(200, b"no gzip", Content_Encoding="gzip"))
    site.on("/d", raw(b"Transfer-Encoding: chunked\r\n", b"3\r\npho\r\n", b"2\r\nto\r\n0\r\n\r\n"))
    web = client()
    assert web.fetch_photo(f"{site.url}/a").body == b"photo" * 100_000
    assert web.fetch_photo(f"{site.url}/b").body == b""
    assert str(failure(lambda: web.fetch_photo(f"{site.url}/c"))) == "bad encoding"
    assert web.fetch_photo(f"{site.url}/d").body == b"photo"
