"""Requests through a proxy, and checked TLS certificates."""

import ssl
from collections.abc import Callable
from typing import Any

import pytest

from tasks.crawl.http.client import Client
from tasks.store.errors import UserError
from tests.helpers.raw_replies import failure

Make = Callable[..., Client]


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
