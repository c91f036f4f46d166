"""Normal forms of URLs, and the check that they don't lead to private addresses (SSRF).

A crawler follows links that strangers wrote. None of them may reach this machine or its network: not by name, by
redirect, by an address in another notation, or by a name that resolves to another address the second time.
"""

import re
import socket
from collections.abc import Collection
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import urljoin

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url
from urllib3.util.connection import allowed_gai_family

from tasks.crawl.http.errors import FetchError

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_CHARACTERS = 16_000
"""Of a URL: servers take fewer, and the standard library takes minutes for some of a megabyte."""
_NAT64 = IPv6Network("64:ff9b::/96")
_STRAY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")


def normalize_url(url: str) -> Url:
    """Parse an absolute URL to its normal form: percent-encoded, host in lower case, no fragment, no user name.

    Raises:
        FetchError: The URL is malformed or very long, or its scheme is neither http nor https.
    """
    if len(url) > MAX_CHARACTERS:
        raise FetchError("URL too long")
    try:
        parts = parse_url(_STRAY_PERCENT.sub("%25", url.strip()))
    except (LocationParseError, ValueError) as error:
        raise FetchError("malformed URL") from error
    if parts.scheme not in DEFAULT_PORTS:
        raise FetchError("malformed URL" if parts.scheme is None else "not http")
    host = (parts.host or "").strip("[]").rstrip(".")
    if not all(0 < len(label) < 64 for label in host.split(".")) or parts.port == 0:
        raise FetchError("malformed URL")
    return parts._replace(auth=None, fragment=None)


def port_of(url: Url) -> int:
    """Return the port of a URL, which is the scheme's default if none is given."""
    return url.port or DEFAULT_PORTS[url.scheme or "http"]


def host_key(url: Url) -> str:
    """Return the key for per-host rate limiting: the host, with its port unless that is the scheme's default."""
    is_default = url.port in (None, DEFAULT_PORTS[url.scheme or "http"])
    return f"{url.host}" if is_default else f"{url.host}:{url.port}"


def is_listed(hosts: Collection[str], host: str, port: int) -> bool:
    """Return whether `hosts` contains the host (any port) or `host:port`."""
    return host in hosts or f"{host}:{port}" in hosts


def redirect_target(url: Url, location: str) -> Url:
    """Return the normal form of the URL in a Location header; raises FetchError as `normalize_url` does."""
    if len(location) > MAX_CHARACTERS:
        raise FetchError("URL too long")
    with suppress(UnicodeError):
        location = location.encode("latin-1").decode()  # http.client decodes headers as Latin-1
    try:
        return normalize_url(urljoin(url.url, location))
    except ValueError as error:
        raise FetchError("malformed URL") from error


def without_secret(url: Url, secret: str) -> str:
    """Remove the secret's parameters from a URL; a redirect may have copied them to its target."""
    names = {pair.partition("=")[0] for pair in secret.split("&")}
    kept = [pair for pair in (url.query or "").split("&") if pair.partition("=")[0] not in names]
    return url._replace(query="&".join(kept) or None).url


def is_public(address: str) -> bool:
    """Return whether an IP address belongs to the public internet.

    Private addresses within IPv6 are found too: IPv4-mapped (RFC 4291), 6to4 (RFC 3056) and NAT64 (RFC 6052). Teredo
    addresses are never public.
    """
    ip = _unwrap(ip_address(address.partition("%")[0]))
    if isinstance(ip, IPv6Address) and ip.is_site_local:
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def _unwrap(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 address contains, or the address itself."""
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip


def resolve(host: str, port: int, *, allow_private: bool) -> list[tuple[Any, ...]]:
    """Resolve a host with `socket.getaddrinfo`, without private addresses unless `allow_private`.

    Raises:
        FetchError: The host has private addresses only.
        OSError: The host name is unknown.
    """
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, allowed_gai_family(), socket.SOCK_STREAM)
    except UnicodeError as error:
        raise FetchError("malformed URL") from error
    usable = [entry for entry in found if allow_private or is_public(str(entry[4][0]))]
    if not usable:
        raise FetchError("private address")
    return usable


def check_proxy_target(host: str, port: int) -> None:
    """Raise FetchError if a proxy must not be used for this host, because its address is private.

    A name that we can't resolve is left to the proxy. A number that we can't resolve is refused: it is not a name, and
    the proxy might read it as an address.
    """
    try:
        resolve(host, port, allow_private=False)
    except OSError as error:
        if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
            raise FetchError("private address") from error
