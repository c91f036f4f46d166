"""GET requests: retries, redirects, limits, private addresses, proxies, TLS and cancellation."""

import gzip
import itertools
import socket
import ssl
import struct
import time
from collections.abc import Callable
from threading import Event, Thread, Timer
from typing import Any
from urllib.parse import urlsplit

import pytest

from tasks.crawl.http import FetchCancelledError, FetchError, connections, rate_limit
from tasks.crawl.http.client import Client
from tasks.crawl.http.robots import user_agent
from tasks.store.errors import UserError

Make = Callable[..., Client]


def failure(call: Callable[[], Any]) -> FetchError:
    with pytest.raises(FetchError) as caught:
        call()
    return caught.value


def raw(head: bytes, *pieces: bytes, pause_s: float = 0, until: Event | None = None) -> Callable[[Any], None]:
    """A reply that writes the pieces as they are; repeated until the event `until` is set, if there is one."""

    def reply(handler: Any) -> None:
        handler.close_connection = True
        try:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
            for piece in pieces if until is None else itertools.cycle(pieces):
                handler.wfile.write(piece)
                handler.wfile.flush()
                if until and until.wait(pause_s):
                    break
                time.sleep(0 if until else pause_s)
        except OSError:
            pass

    return reply


def reset(handler: Any) -> None:
    """Reset the connection within the response."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nsome")
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.close()


@pytest.fixture
def released() -> Any:
    event = Event()
    yield event
    event.set()


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


def test_a_failed_connection_has_a_reason(client: Make, names: Any) -> None:
    web = client(retries=0, unthrottled=("127.0.0.1",), robots="nowhere")
    for url in ("http://127.0.0.1:1/a", "http://unknown.example/"):
        error = failure(lambda url=url: web.fetch_photo(url))  # type: ignore[misc]
        assert (str(error), error.transient, error.no_response) == ("no connection", True, True)


def test_no_response_ends_at_the_timeout(site: Any, client: Make, released: Event) -> None:
    site.on("/a", lambda handler: released.wait(10))
    error = failure(lambda: client(timeout_s=0.05, retries=0).fetch_photo(f"{site.url}/a"))
    assert (str(error), error.no_response) == ("no answer in time", True)


def test_a_stalled_body_ends_at_the_timeout(site: Any, client: Make, released: Event) -> None:
    site.on("/a", raw(b"Content-Length: 9\r\n", b"x", pause_s=10, until=released))
    error = failure(lambda: client(timeout_s=0.05, retries=0).fetch_photo(f"{site.url}/a"))
    assert str(error) == "no answer in time"


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
    monkeypatch.setattr(connections, "MAX_TIMEOUTS", 20)
    site.on("/a", raw(b"Content-Length: 4500\r\n", *[b"x" * 300] * 15, pause_s=0.02))
    assert len(client(timeout_s=5, retries=0).fetch_photo(f"{site.url}/a").body) == 4500


def test_a_body_that_arrives_too_slowly_is_an_error(
    site: Any, client: Make, released: Event, short_deadline: None
) -> None:
    site.on("/a", raw(b"", b"x", pause_s=0.005, until=released))
    error = failure(lambda: client(timeout_s=5).fetch_photo(f"{site.url}/a"))
    assert (str(error), error.transient, site.asked["/a"]) == ("too slow", True, 1)


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


def test_the_environment_s_proxy_is_used_except_for_this_machine(
    site: Any, client: Make, names: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("http_proxy", f"http://me:word@127.0.0.1:{site.server_address[1]}")
    names["inside.example"] = ["10.0.0.1"]
    names["known.example"] = ["8.8.8.8"]
    for host in ("known.example", "unknown.example"):
        site.on(f"http://{host}/a b", b"by proxy")
    site.on("/a", b"directly")
    web = client(robots="nowhere")
    assert web.fetch_photo("http://known.example/a b").body == b"by proxy"
    assert site.headers[0]["proxy-authorization"].startswith("Basic ")
    assert web.fetch_photo("http://unknown.example/a b").body == b"by proxy"
    assert web.fetch_photo(f"{site.url}/a").body == b"directly"
    for host in ("inside.example", "169.254.169.254", "2130706433", "127.0.0.1.", "10.0.0.1"):
        assert str(failure(lambda host=host: web.fetch_photo(f"http://{host}/"))) == "private address"  # type: ignore[misc]
    assert site.asked.total() == 3


def test_an_unsupported_proxy_is_an_error_that_names_it(client: Make, monkeypatch: Any) -> None:
    monkeypatch.setenv("http_proxy", "socks5://proxy.example:1080")
    with pytest.raises(UserError, match=r"socks5://proxy.example:1080"):
        client()


def certificate(folder: Any, name: str) -> tuple[str, str]:
    """Write a self-signed certificate for a name, and its key; returns the paths of both."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    plain = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return str(folder / "cert.pem"), str(folder / "key.pem")


def test_certificates_are_checked_against_the_host_name(
    site: Any, client: Make, names: Any, monkeypatch: Any, tmp_path: Any
) -> None:
    cert, key = certificate(tmp_path, "photos.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    site.socket = context.wrap_socket(site.socket, server_side=True)
    site.on("/a", b"photo")
    port = site.server_address[1]
    names["photos.example"] = names["other.example"] = ["127.0.0.1"]
    hosts = ("photos.example", "other.example")
    monkeypatch.setenv("SSL_CERT_FILE", cert)
    web = client(private_hosts=hosts, robots="nowhere", retries=0)
    assert web.fetch_photo(f"https://photos.example:{port}/a").body == b"photo"
    assert str(failure(lambda: web.fetch_photo(f"https://other.example:{port}/a"))) == "bad certificate"
    monkeypatch.delenv("SSL_CERT_FILE")
    strict = client(private_hosts=hosts, robots="nowhere", retries=0)
    assert str(failure(lambda: strict.fetch_photo(f"https://photos.example:{port}/a"))) == "bad certificate"
