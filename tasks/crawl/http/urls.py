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
_QUAD = re.compile(r"(?<!\d)(\d{1,3})[.-](\d{1,3})[.-](\d{1,3})[.-](\d{1,3})(?!\d)")
UNKNOWN_NAME = "unknown name (set crawl.proxy_resolves=true if only the proxy resolves names)"
"""Why a URL isn't handed to the proxy."""
# fmt: off
PRIVATE_DOMAINS = frozenset({
    "internal", "local", "localhost", "localdomain", "lan", "home", "corp", "intranet", "intra", "private", "mail",
    "domain", "workgroup", "office", "router", "gateway", "box", "test", "example", "invalid", "onion", "alt", "arpa",
    "svc", "cluster", "consul", "docker", "lxd", "k8s", "node", "vpn", "dmz", "priv", "loc", "lcl", "site-local",
})
# fmt: on
"""Domains that are reserved (RFC 2606, 6761, 6762, 7686, 8375, 9476; ICANN's .internal), or that are in use in private
networks and are no public top-level domains, or rare ones; `box` because of `fritz.box`."""
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
    """Return whether `hosts` contains the host (any port) or `host:port`, or `*.` and a domain that the host is in."""
    labels = host.rstrip(".").split(".")
    names = [host, ".".join(labels), *("*." + ".".join(labels[start:]) for start in range(1, len(labels)))]
    return any(name in hosts or f"{name}:{port}" in hosts for name in names)


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


def check_proxy_target(host: str, port: int, *, proxy_resolves: bool) -> bool:
    """Check that a proxy may be used for a host.

    A proxy may reach what we can't, such as its own machine and network. So a host whose address is private is refused;
    and one whose address we don't know, too, unless `proxy_resolves` and its name looks public (`is_public_name`).

    Returns:
        Whether we know the host's address.

    Raises:
        FetchError: The proxy must not be used.
    """
    try:
        resolve(host, port, allow_private=False)
    except OSError as error:
        if not is_public_name(host):
            raise FetchError("private address") from error
        if not proxy_resolves:
            raise FetchError(UNKNOWN_NAME) from error
        return False
    return True


def is_public_name(host: str) -> bool:
    """Return whether a name may be one of the public internet, as far as the name itself shows it.

    It isn't a name without a dot, under a domain that exists in private networks only, or with a private address in it
    (`10.0.0.1.nip.io`); nor a number, which a proxy may read as an address.
    """
    labels = host.lower().rstrip(".").split(".")
    if ":" in host or len(labels) < 2 or _NUMBER.fullmatch(labels[-1]) or not labels[-1].isascii():
        return False
    domains = {".".join(labels[start:]) for start in range(len(labels))}
    quads = (".".join(map(str, map(int, quad))) for quad in _QUAD.findall(host))
    return not domains & PRIVATE_DOMAINS and all(is_public(quad) for quad in quads if _is_address(quad))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
