"""Redirects, and addresses that are refused."""

import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tasks.crawl.http.client import Client
from tests.helpers.raw_replies import failure

Make = Callable[..., Client]


def test_headers_are_not_sent_to_another_host(site: Any, client: Make, names: Any) -> None:
    names["other.example"] = ["127.0.0.1"]
    port = site.server_address[1]
    site.on("/a", site.status(302, Location="/b"))
    site.on("/b", site.status(302, Location=f"http://other.example:{port}/c"))
    site.on("/c", b"page")
    web = client(private_hosts=("other.example",), robots="nowhere")
    web.fetch_page(f"{site.url}/a", {"Authorization": "secret", "Accept-Language": "ko"}, is_api=True)
    assert [headers.get("Authorization") for headers in site.headers] == ["secret", "secret", None]
    assert site.headers[2]["Accept-Language"] == "ko"


def test_redirects_are_followed_five_times(site: Any, client: Make) -> None:
    for number in range(6):
        site.on(f"/{number}", site.status(301 + number % 3, Location=f"{number + 1}"))
    site.on("/6", b"photo")
    web = client()
    assert web.fetch_photo(f"{site.url}/1").url == f"{site.url}/6"
    error = failure(lambda: web.fetch_photo(f"{site.url}/0"))
    assert (str(error), error.transient) == ("too many redirects", False)


def test_a_redirect_in_another_script_is_followed(site: Any, client: Make) -> None:
    site.on("/사진 ä", b"photo")

    def reply(handler: Any) -> None:
        handler.wfile.write("HTTP/1.1 302 Found\r\nLocation: /사진 ä\r\nContent-Length: 0\r\n\r\n".encode())

    site.on("/a", reply)
    assert client().fetch_photo(f"{site.url}/a").body == b"photo"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("http://169.254.169.254/latest/meta-data", "private address"),
        ("http://[::1]/", "private address"),
        ("http://2130706433/", "private address"),
        ("http://0x7f.1/", "private address"),
        ("//127.0.0.2/x", "private address"),
        ("http://inside.example/", "private address"),
        ("file:///etc/passwd", "not http"),
        ("ftp://a.example/", "not http"),
        ("http://[::1", "malformed URL"),
        ("https://", "malformed URL"),
    ],
)
def test_redirects_to_private_addresses_are_refused(
    site: Any, client: Make, names: Any, target: str, reason: str
) -> None:
    names["inside.example"] = ["10.0.0.1"]
    site.on("/a", site.status(302, Location=target))
    web = client()
    for url in (f"{site.url}/a", target if ":" in target else f"http:{target}"):
        error = failure(lambda url=url: web.fetch_photo(url))  # type: ignore[misc]
        assert (str(error), error.transient, error.no_response) == (reason, False, False)


def test_this_machine_is_refused_unless_configured(site: Any, client: Make) -> None:
    site.on("/a", b"photo")
    assert str(failure(lambda: client(unthrottled=()).fetch_photo(f"{site.url}/a"))) == "private address"
    assert str(failure(lambda: client(unthrottled=("127.0.0.1:1",)).fetch_photo(f"{site.url}/a"))) == "private address"
    assert client(unthrottled=(), private_hosts=("127.0.0.1",)).fetch_photo(f"{site.url}/a").body == b"photo"
    netloc = urlsplit(site.url).netloc
    assert client(unthrottled=(), private_hosts=(netloc,)).fetch_photo(f"{site.url}/a").body == b"photo"


def test_the_checked_address_is_the_one_that_is_connected_to(
    site: Any, client: Make, names: Any, monkeypatch: Any
) -> None:
    names["rebound.example"] = ["8.8.8.8", "127.0.0.1"]
    connected = []

    def connect(_: Any, address: Any) -> None:
        connected.append(address)
        raise OSError("no net here")

    monkeypatch.setattr(socket.socket, "connect", connect)
    web = client(retries=1, robots="nowhere")
    error = failure(lambda: web.fetch_photo(f"http://rebound.example:{site.server_address[1]}/a"))
    assert connected == [("8.8.8.8", site.server_address[1])]
    assert str(error) == "private address"
    assert not site.asked
