"""URLs and the addresses behind them: which of them may be asked at all.

A crawler follows links that strangers wrote, so none may lead to this machine or its network: not by name, not by
redirect, not by an address in disguise, and not by a name that resolves to another address when it is looked up again.
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
_NAT64 = IPv6Network("64:ff9b::/96")
_STRAY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")


def parsed(url: str) -> Url:
    """An absolute URL in its normal form: encoded, lower-case host, neither fragment nor user.

    Raises FetchError if it is malformed, or neither http nor https.
    """
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
    """The port that is asked."""
    return url.port or DEFAULT_PORTS[url.scheme or "http"]


def host_of(url: Url) -> str:
    """Whom politeness is owed to: the host, with its port if that isn't the usual one."""
    usual = url.port in (None, DEFAULT_PORTS[url.scheme or "http"])
    return f"{url.host}" if usual else f"{url.host}:{url.port}"


def is_among(hosts: Collection[str], host: str, port: int) -> bool:
    """Whether hosts has the host, or the host with just this port."""
    return host in hosts or f"{host}:{port}" in hosts


def target_of(url: Url, location: str) -> Url:
    """Where a Location header leads; raises FetchError as `parsed` does."""
    with suppress(UnicodeError):
        location = location.encode("latin-1").decode()  # http.client takes headers for Latin-1
    try:
        return parsed(urljoin(url.url, location))
    except ValueError as error:
        raise FetchError("malformed URL") from error


def without(url: Url, secret: str) -> str:
    """The URL less the secret's parameters, which a redirect may have carried on."""
    names = {pair.partition("=")[0] for pair in secret.split("&")}
    kept = [pair for pair in (url.query or "").split("&") if pair.partition("=")[0] not in names]
    return url._replace(query="&".join(kept) or None).url


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, and not a private one in another notation.

    Those are IPv4-mapped addresses (RFC 4291), 6to4 (RFC 3056) and NAT64 (RFC 6052); Teredo isn't public anyway.
    """
    ip = _unwrapped(ip_address(address.partition("%")[0]))
    if isinstance(ip, IPv6Address) and ip.is_site_local:
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def _unwrapped(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip


def resolved(host: str, port: int, *, private: bool) -> list[tuple[Any, ...]]:
    """What `socket.getaddrinfo` finds, less what isn't public unless `private`.

    Raises FetchError if nothing is left, OSError if the name is unknown.
    """
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, allowed_gai_family(), socket.SOCK_STREAM)
    except UnicodeError as error:
        raise FetchError("malformed URL") from error
    usable = [entry for entry in found if private or is_public(str(entry[4][0]))]
    if not usable:
        raise FetchError("private address")
    return usable


def check_for_proxy(host: str, port: int) -> None:
    """Raise FetchError if a proxy must not be asked for this host; names that only the proxy can resolve are its own.

    A number that we can't resolve is no name, but might be an address to the proxy.
    """
    try:
        resolved(host, port, private=False)
    except OSError as error:
        if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
            raise FetchError("private address") from error
