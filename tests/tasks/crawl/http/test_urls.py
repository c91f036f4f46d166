"""Normal forms of URLs, and the check against private addresses."""

import socket
from typing import Any

import pytest

from tasks.crawl.http import FetchError
from tasks.crawl.http.urls import (
    check_proxy_target,
    host_key,
    is_listed,
    is_public,
    normalize_url,
    redirect_target,
    resolve,
)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2002:a00:1::",
        "2001::1",
    ],
)
def test_private_addresses_are_found_in_all_notations(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"]
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "127.1", "0", "[::1]", "[::ffff:7f00:1]"]
)
def test_loopback_is_refused_in_all_notations(host: str) -> None:
    assert normalize_url(f"http://{host}/").host == host
    with pytest.raises(FetchError, match="private address"):
        resolve(host, 80, allow_private=False)


def test_only_the_public_addresses_of_a_name_are_used(monkeypatch: Any) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("10.0.0.1", "8.8.8.8")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
    assert [entry[4][0] for entry in resolve("x.example", 80, allow_private=False)] == ["8.8.8.8"]
    assert len(resolve("x.example", 80, allow_private=True)) == 2


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("http://exämple.com/ä b?q=ü x#part", "http://xn--exmple-cua.com/%C3%A4%20b?q=%C3%BC%20x"),
        (" HTTP://A.com/100%/a%20b ", "http://a.com/100%25/a%20b"),
        ("https://user:word@a.com/../x", "https://a.com/x"),
        ('http://a.com/[1]|^`{}"<>\r\nX: y', "http://a.com/%5B1%5D%7C%5E%60%7B%7D%22%3C%3E%0D%0AX:%20y"),
        ("http://a.com\\@b.com/", "http://a.com/%5C@b.com/"),
        ("http://a.com./x", "http://a.com./x"),
    ],
)
def test_urls_are_normalized(url: str, normal: str) -> None:
    assert normalize_url(url).url == normal


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "/x",
        "http://",
        "http:///x",
        "http://[::1",
        "http://.example/",
        "http://a..b/",
        f"http://{'a' * 64}.com/",
        "http://exa mple.com/",
        "http://a.com:99999/",
        "http://a.com:0/",
        "http://a%00.com/",
        "http://１２７.0.0.1/",
    ],
)
def test_malformed_urls_are_errors(url: str) -> None:
    with pytest.raises(FetchError, match="malformed URL"):
        normalize_url(url)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a.com/x", "data:image/png;base64,AA==", "gopher://a/"])
def test_other_schemes_are_refused(url: str) -> None:
    with pytest.raises(FetchError, match="not http"):
        normalize_url(url)


def test_the_host_key_ignores_the_scheme_but_not_other_ports() -> None:
    assert host_key(normalize_url("http://A.com/x")) == host_key(normalize_url("https://a.com:443/y")) == "a.com"
    assert host_key(normalize_url("http://a.com:8080/x")) == "a.com:8080"


def test_a_proxy_is_used_for_known_public_addresses_only(names: dict[str, list[str]]) -> None:
    names["inside.example"], names["outside.example"] = ["10.0.0.1"], ["8.8.8.8"]
    assert check_proxy_target("8.8.8.8", 80, proxy_resolves=False)
    assert check_proxy_target("outside.example", 80, proxy_resolves=False)
    for host in ("inside.example", "127.0.0.1", "127.0.0.1.", "0x7f.1", "2130706433", "[::1]", "[fe80::1%25eth0]"):
        for proxy_resolves in (False, True):
            with pytest.raises(FetchError, match="private address"):
                check_proxy_target(host, 80, proxy_resolves=proxy_resolves)


def test_public_names_that_only_the_proxy_resolves_are_allowed_by_a_setting(names: dict[str, list[str]]) -> None:
    for host in ("photos.example.com", "upload.wikimedia.org", "a.internal.com", "x1-2-3-4y.de", "8-8-8-8.nip.io"):
        with pytest.raises(FetchError, match=r"unknown name .*crawl\.proxy_resolves=true"):
            check_proxy_target(host, 80, proxy_resolves=False)
        assert not check_proxy_target(host, 80, proxy_resolves=True)


@pytest.mark.parametrize(
    "host",
    [
        *("metadata.google.internal", "metadata", "intranet", "wiki.corp", "WIKI.Corp.", "printer.local", "nas.lan"),
        *("a.b.home.arpa", "x.localhost", "x.intranet", "x.private", "x.test", "x.example", "x.invalid", "x.onion"),
        *("kubernetes.default.svc", "fritz.box", "x.localdomain", "x.home", "instance-data.ec2.internal", "a.1"),
        *("10.0.0.1.nip.io", "app-192-168-1-1.sslip.io", "169.254.169.254.nip.io"),
    ],
)
def test_names_of_private_networks_are_never_handed_to_a_proxy(host: str, names: dict[str, list[str]]) -> None:
    for proxy_resolves in (False, True):
        with pytest.raises(FetchError, match="private address"):
            check_proxy_target(host, 80, proxy_resolves=proxy_resolves)


@pytest.mark.parametrize(
    ("host", "port", "listed"),
    [
        ("wiki.corp", 80, True),
        ("a.b.corp", 443, True),
        ("corp", 80, False),
        ("wiki.corp.evil.com", 80, False),
        ("evilcorp", 80, False),
        ("nas", 8080, True),
        ("nas", 80, False),
        ("x.lan", 81, True),
        ("x.lan", 80, False),
        ("intranet", 1, True),
    ],
)
def test_allowed_hosts_are_names_with_or_without_port_and_whole_domains(host: str, port: int, listed: bool) -> None:
    assert is_listed({"*.corp", "nas:8080", "*.lan:81", "intranet"}, host, port) is listed


@pytest.mark.parametrize("url", ["http://a.com/" + "b" * 20_000, "http://" + "\u0301\u0323" * 50_000])
def test_a_url_of_a_megabyte_is_refused_at_once(url: str) -> None:
    with pytest.raises(FetchError, match="URL too long"):
        normalize_url(url)
    with pytest.raises(FetchError, match="URL too long"):
        redirect_target(normalize_url("http://a.com/"), url)
