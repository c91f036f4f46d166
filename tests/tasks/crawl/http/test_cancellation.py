"""Cancelled requests: by the caller, at the deadline and at the byte limit."""

import socket
from collections.abc import Callable
from threading import Event, Timer
from typing import Any

import pytest

from tasks.crawl.http import FetchCancelledError, rate_limit
from tasks.crawl.http.client import Client
from tests.helpers.raw_replies import failure, raw

Make = Callable[..., Client]


UNREACHED_S = 300
"""Longer than the time limit of a test (`timeout` in pyproject.toml), so that only cancelling can end such a wait."""


def test_cancelling_ends_a_pause_and_refuses_further_requests(
    site: Any, client: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit, "LONGEST_PAUSE_S", UNREACHED_S)
    web = client()
    timers: list[Timer] = []

    def too_many_requests(handler: Any) -> None:
        timers.append(Timer(0.05, web.cancel))
        timers[0].start()
        site.status(429, Retry_After=f"{UNREACHED_S}")(handler)

    site.on("/a", too_many_requests)
    called: list[str] = []
    web.on_cancel(lambda: called.append("cancelled"))
    error = failure(lambda: web.fetch_photo(f"{site.url}/a"))
    assert (type(error), str(error), error.no_response) == (FetchCancelledError, "interrupted", False)
    timers[0].join()
    assert str(failure(lambda: web.fetch_photo(f"{site.url}/b"))) == "interrupted"
    assert (site.asked["/a"], site.asked["/b"]) == (1, 0)
    assert (web.is_cancelled, web.cancel_reason, called) == (True, "interrupted", ["cancelled"])
    web.on_cancel(lambda: called.append("again"))
    assert called == ["cancelled", "again"]


@pytest.mark.parametrize("head", [None, b"Content-Length: 9\r\n", b""])
def test_cancelling_ends_the_wait_for_a_response(site: Any, client: Make, released: Event, head: bytes | None) -> None:
    def no_response(handler: Any) -> None:
        handler.close_connection = True
        released.wait(UNREACHED_S)

    site.on("/a", no_response if head is None else raw(head, b"x", pause_s=UNREACHED_S, until=released))
    web = client(timeout_s=UNREACHED_S)
    Timer(0.05, web.cancel).start()
    assert str(failure(lambda: web.fetch_photo(f"{site.url}/a"))) == "interrupted"


def test_cancelling_ends_a_tls_handshake(client: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        web = client(timeout_s=UNREACHED_S, unthrottled=("127.0.0.1",))
        Timer(0.05, web.cancel).start()
        assert str(failure(lambda: web.fetch_photo(f"https://127.0.0.1:{silent.getsockname()[1]}/"))) == "interrupted"


def test_cancelling_ends_the_wait_for_a_time_slot(site: Any, limited: Make, example: str) -> None:
    site.on("/a", b"photo")
    web = limited(requests_per_s=1 / UNREACHED_S, robots="nowhere")
    web.fetch_photo(f"{example}/a")
    Timer(0.05, web.cancel).start()
    assert str(failure(lambda: web.fetch_photo(f"{example}/a"))) == "interrupted"


def test_the_deadline_cancels_all_requests(site: Any, client: Make, released: Event) -> None:
    def no_response(handler: Any) -> None:
        handler.close_connection = True
        released.wait(UNREACHED_S)

    site.on("/a", no_response)
    web = client(timeout_s=UNREACHED_S, deadline_s=0.1)
    error = failure(lambda: web.fetch_photo(f"{site.url}/a"))
    assert (type(error), str(error), web.cancel_reason) == (FetchCancelledError, "out of time", "out of time")


def test_the_byte_limit_cancels_all_requests(site: Any, client: Make) -> None:
    site.on("/a", b"x" * 600)
    web = client(max_gb=1e-6)
    web.fetch_photo(f"{site.url}/a")
    web.fetch_photo(f"{site.url}/a")
    error = failure(lambda: web.fetch_photo(f"{site.url}/a"))
    assert (type(error), str(error), web.bytes) == (FetchCancelledError, "out of bytes", 1200)
