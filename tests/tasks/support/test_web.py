"""One GET: tried again where that helps, bounded where it doesn't."""

import gzip
from threading import Event
from typing import Any

import pytest
import requests

from tasks.support.web import FetchError, Web


def web(**knobs: Any) -> Web:
    return Web(requests.Session(), **({"timeout_s": 5, "retries": 2, "pause_s": 0.001} | knobs))


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_server_that_stumbles_is_asked_again(site: Any, code: int) -> None:
    site.on("/a", site.status(code, b"busy"), site.status(code), b"photo")
    assert web().get(f"{site.url}/a") == b"photo"
    assert site.asked["/a"] == 3


def test_a_broken_answer_is_fetched_again(site: Any) -> None:
    site.on("/a", site.hang_up, b"photo")
    assert web().get(f"{site.url}/a") == b"photo"


def test_a_server_that_stays_down_fails_after_the_retries(site: Any) -> None:
    site.on("/a", site.status(503))
    with pytest.raises(FetchError, match="HTTP 503"):
        web().get(f"{site.url}/a")
    assert site.asked["/a"] == 3


def test_what_is_gone_is_asked_for_once(site: Any) -> None:
    with pytest.raises(FetchError, match="HTTP 404"):
        web().get(f"{site.url}/gone")
    assert site.asked["/gone"] == 1


def test_a_pause_that_the_server_asks_for_is_kept_and_a_stop_ends_it(site: Any) -> None:
    site.on("/a", site.status(429, Retry_After="20"))
    stopped = web()
    pauses = []

    def wait(pause_s: float) -> bool:
        pauses.append(pause_s)
        return True

    stopped._stopped.wait = wait  # type: ignore[assignment,method-assign]
    with pytest.raises(FetchError, match="HTTP 429"):
        stopped.get(f"{site.url}/a")
    assert pauses == [20]
    assert site.asked["/a"] == 1


def test_nobody_there_is_said_in_words() -> None:
    with pytest.raises(FetchError, match="no connection"):
        web(retries=0).get("http://127.0.0.1:1/a")


def test_silence_is_not_waited_for_longer_than_the_time_out(site: Any) -> None:
    site.on("/a", lambda handler: site.released.wait(10))
    site.released = Event()
    try:
        with pytest.raises(FetchError, match="no answer in time"):
            web(timeout_s=0.2, retries=0).get(f"{site.url}/a")
    finally:
        site.released.set()


def test_a_body_that_never_ends_is_cut(site: Any) -> None:
    site.on("/a", b"x" * 1_000_001)
    with pytest.raises(FetchError, match="more than 1 MB"):
        web(max_bytes=1_000_000).get(f"{site.url}/a")


def test_a_body_that_drips_is_given_up(site: Any) -> None:
    def drip(handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        try:
            while not done.wait(0.02):
                handler.wfile.write(b"x")
                handler.wfile.flush()
        except OSError:
            pass

    done = Event()
    site.on("/a", drip)
    try:
        with pytest.raises(FetchError, match="too slow"):
            web(timeout_s=0.05, retries=0).get(f"{site.url}/a")
    finally:
        done.set()


def test_a_packed_body_is_unpacked_and_an_empty_one_is_empty(site: Any) -> None:
    site.on("/a", site.status(200, gzip.compress(b"photo" * 100_000), Content_Encoding="gzip"))
    site.on("/b", b"")
    assert web().get(f"{site.url}/a") == b"photo" * 100_000
    assert web().get(f"{site.url}/b") == b""


@pytest.mark.parametrize("url", ["http://[::1", "data:image/png;base64,AA==", "http://", "http://.example/", "x"])
def test_a_malformed_url_is_a_failure_like_others(url: str) -> None:
    with pytest.raises(FetchError):
        web(retries=0).get(url)
