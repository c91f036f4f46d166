"""Connection pools: direct ones, and those of the proxies that the environment names."""

import logging
import os
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.request import getproxies, proxy_bypass

import certifi
from urllib3 import PoolManager, ProxyManager, Timeout
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import LocationParseError, ProxySchemeUnknown
from urllib3.util import Url, create_urllib3_context, make_headers, parse_url

from tasks.crawl.http.connections import Connections, TlsSocket
from tasks.crawl.http.errors import FetchError
from tasks.crawl.http.urls import check_proxy_target, port_of
from tasks.store.errors import UserError

_MAX_HOSTS = 256
"""Hosts whose connections are kept open; the least recently used are closed."""


class ConnectionPools:
    """The connection pool of each host."""

    def __init__(self, connections: Connections, *, timeout_s: float, keep: int, proxy_resolves: bool = False) -> None:
        """Create the pools.

        Args:
            connections: Provides the connection classes.
            timeout_s: Seconds to wait for a connection, and for each read.
            keep: Connections per host that stay open.
            proxy_resolves: Whether names that we can't resolve are handed to the proxy, see `check_proxy_target`.

        Raises:
            UserError: The environment names a proxy that is neither http nor https, or that is malformed.
        """
        logging.getLogger("urllib3").setLevel(logging.ERROR)  # its log lines contain whole URLs with credentials
        self._connections, self._proxy_resolves = connections, proxy_resolves
        self._unknown: dict[str, str | None] = {}
        """Per host without a known public address: why no proxy is used for it; None: one is. They aren't looked up
        again in this crawl, because without a name server each look-up takes many seconds."""
        self._options: dict[str, Any] = {
            "num_pools": _MAX_HOSTS,
            "maxsize": keep,
            "timeout": Timeout(connect=timeout_s, read=timeout_s),
            "ssl_context": _tls_context(),  # created once: it loads hundreds of certificates
        }
        self._direct: PoolManager = _DirectPools(connections.classes(to_proxy=False), **self._options)
        proxies = getproxies()
        self._proxies = {scheme: self._proxy(proxies[scheme]) for scheme in ("http", "https") if proxies.get(scheme)}

    def pool_for(self, url: Url) -> tuple[HTTPConnectionPool, str]:
        """Return the pool for a URL, and the target for the request's first line.

        Raises:
            FetchError: The URL would go through a proxy, and its address is private or unknown.
        """
        host, port = f"{url.host}", port_of(url)
        proxy = self._proxies.get(f"{url.scheme}")
        if proxy is None or _bypasses_proxy(host):
            return self._direct.connection_from_host(host, port, url.scheme), url.request_uri
        if not self._connections.may_be_private(host, port):
            self._check_proxy_target(host, port)
        target = url.url if url.scheme == "http" else url.request_uri
        return proxy.connection_from_host(host, port, url.scheme), target

    def close(self) -> None:
        """Close all idle connections."""
        for manager in (self._direct, *self._proxies.values()):
            manager.clear()

    def _check_proxy_target(self, host: str, port: int) -> None:
        if host not in self._unknown:
            try:
                is_known = check_proxy_target(host, port, proxy_resolves=self._proxy_resolves)
            except FetchError as error:
                self._unknown[host] = str(error)
                raise
            if not is_known:
                self._unknown[host] = None
        elif reason := self._unknown[host]:
            raise FetchError(reason)

    def _proxy(self, url: str) -> ProxyManager:
        try:
            parts = parse_url(url if "://" in url else f"http://{url}")
        except (LocationParseError, ValueError):
            parts = None
        if parts is None or not parts.host or "@" in f"{parts.path}{parts.query}{parts.fragment}":
            raise UserError(
                "http_proxy or https_proxy in the environment can't be read: write http://host:port or "
                "http://user:password@host:port, with %23 for #, %2F for / and %40 for @ in the password"
            ) from None
        login = make_headers(proxy_basic_auth=parts.auth) if parts.auth else None
        address = parts._replace(auth=None, path=None).url
        try:
            return _ProxyPools(self._connections.classes(to_proxy=True), address, proxy_headers=login, **self._options)
        except ProxySchemeUnknown:
            raise UserError(
                f"proxy {address}: only http and https proxies are supported; correct http_proxy or https_proxy in "
                "the environment"
            ) from None


class _DirectPools(PoolManager):
    """Pools whose connections are of our own classes."""

    def __init__(self, classes: Mapping[str, type[HTTPConnection]], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._classes = classes

    def _new_pool(self, scheme: str, host: str, port: int, request_context: Any = None) -> HTTPConnectionPool:
        pool = super()._new_pool(scheme, host, port, request_context)
        pool.ConnectionCls = self._classes[scheme]
        return pool


class _ProxyPools(_DirectPools, ProxyManager):
    """The same through a proxy."""


def _bypasses_proxy(host: str) -> bool:
    """Return whether a host is requested directly; a proxy could not reach this machine's loopback address."""
    return host in ("127.0.0.1", "localhost", "[::1]") or bool(proxy_bypass(host))


def _tls_context() -> ssl.SSLContext:
    """Trust the system's certificate authorities (or SSL_CERT_FILE) and certifi's, since bare containers have none."""
    context = create_urllib3_context()
    context.sslsocket_class = TlsSocket
    context.load_default_certs()
    if not os.environ.get("SSL_CERT_FILE"):
        context.load_verify_locations(certifi.where())
    return context
