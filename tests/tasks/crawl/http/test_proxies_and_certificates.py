"""Requests through a proxy, and checked TLS certificates."""

import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from tasks.crawl.http.client import Client
from tasks.store.errors import UserError
from tests.helpers.raw_replies import failure

Make = Callable[..., Client]


@pytest.fixture
def proxy(site: Any, monkeypatch: Any) -> Any:
    """The site as a proxy for both schemes."""
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", f"http://me:word@127.0.0.1:{site.server_address[1]}")
    return site


def test_the_environment_s_proxy_is_used_except_for_this_machine(proxy: Any, client: Make, names: Any) -> None:
    names["inside.example"] = ["10.0.0.1"]
    names["known.example"] = ["8.8.8.8"]
    proxy.on("http://known.example/a b", b"by proxy")
    proxy.on("/a", b"directly")
    web = client(robots="nowhere")
    assert web.fetch_photo("http://known.example/a b").body == b"by proxy"
    assert proxy.headers[0]["proxy-authorization"].startswith("Basic ")
    assert web.fetch_photo(f"{proxy.url}/a").body == b"directly"
    for host in ("inside.example", "169.254.169.254", "2130706433", "127.0.0.1.", "10.0.0.1"):
        assert str(failure(lambda host=host: web.fetch_photo(f"http://{host}/"))) == "private address"  # type: ignore[misc]
    assert proxy.asked.total() == 2


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_names_of_private_networks_reach_the_proxy_only_if_they_are_listed(
    scheme: str, proxy: Any, client: Make, names: Any
) -> None:
    web = client(robots="nowhere", proxy_resolves=True, retries=0)
    for host in ("metadata.google.internal", "intranet", "wiki.corp", "printer.local"):
        assert str(failure(lambda host=host: web.fetch_photo(f"{scheme}://{host}/a"))) == "private address"  # type: ignore[misc]
    assert not proxy.asked
    proxy.on("http://wiki.corp/a", b"wiki")
    assert client(robots="nowhere", private_hosts=("*.corp",)).fetch_photo("http://wiki.corp/a").body == b"wiki"


def test_a_redirect_and_robots_txt_of_an_unknown_name_are_refused_too(proxy: Any, client: Make, names: Any) -> None:
    names["known.example"] = ["8.8.8.8"]
    for number, host in enumerate(("metadata.google.internal", "photos.example.com")):
        proxy.on(f"http://known.example/{number}", proxy.status(302, Location=f"http://{host}/a"))
    web = client()
    assert str(failure(lambda: web.fetch_photo("http://known.example/0"))) == "private address"
    assert str(failure(lambda: web.fetch_photo("http://known.example/1"))).startswith("unknown name (set crawl.proxy")
    assert not [path for path in proxy.asked if "known.example" not in path]


def test_a_name_that_only_the_proxy_resolves_is_looked_up_once(
    proxy: Any, client: Make, names: Any, monkeypatch: Any
) -> None:
    looked_up: list[str] = []
    known = socket.getaddrinfo

    def look_up(host: str, *rest: Any, **more: Any) -> Any:
        looked_up.append(host)
        return known(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    for number in range(3):
        proxy.on(f"http://photos.example.com/{number}", b"by proxy")
    web, strict = client(robots="nowhere", proxy_resolves=True), client(robots="nowhere")
    for number in range(3):
        url = f"http://photos.example.com/{number}"
        assert web.fetch_photo(url).body == b"by proxy"
        assert str(failure(lambda url=url: strict.fetch_photo(url))).startswith("unknown name")  # type: ignore[misc]
    assert looked_up.count("photos.example.com") == 2


@pytest.mark.parametrize("login", ["me:se#cret", "me:se/cret", "me:12#secret", "me:secret@host:99999999#"])
def test_a_malformed_proxy_is_an_error_without_its_password(login: str, client: Make, monkeypatch: Any) -> None:
    monkeypatch.setenv("http_proxy", f"http://{login}@proxy.example:3128")
    with pytest.raises(UserError, match=r"http_proxy .* %23 for #") as caught:
        client()
    assert "se" not in str(caught.value).partition("http_proxy")[0]
    assert "cret" not in str(caught.value)


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
