"""Where connections are kept for further requests: directly, or through the environment's proxies."""

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
from urllib3.exceptions import ProxySchemeUnknown
from urllib3.util import Url, create_urllib3_context, make_headers, parse_url

from tasks.crawl.http.connections import Connections, TlsSocket
from tasks.crawl.http.urls import check_for_proxy, port_of
from tasks.store.errors import UserError

_MOST_HOSTS = 256
"""Connections to more hosts than that aren't kept."""


class Pools:
    """Finds the pool for a URL."""

    def __init__(self, connections: Connections, *, timeout_s: float, keep: int) -> None:
        """keep: connections to one host that stay open.

        Raises UserError if the environment names a proxy of a kind that we don't speak.
        """
        logging.getLogger("urllib3").setLevel(logging.ERROR)  # its lines have whole URLs, credentials included
        self._connections = connections
        self._options: dict[str, Any] = {
            "num_pools": _MOST_HOSTS,
            "maxsize": keep,
            "timeout": Timeout(connect=timeout_s, read=timeout_s),
            "ssl_context": _tls_context(),  # made once: it reads hundreds of certificates
        }
        self._direct: PoolManager = _Direct(connections.classes(to_proxy=False), **self._options)
        proxies = getproxies()
        self._proxies = {scheme: self._proxy(proxies[scheme]) for scheme in ("http", "https") if proxies.get(scheme)}

    def find(self, url: Url) -> tuple[HTTPConnectionPool, str]:
        """Where to ask for a URL, and what to write into the request's first line.

        Raises FetchError if a proxy would have to be asked for a private address.
        """
        host, port = f"{url.host}", port_of(url)
        proxy = self._proxies.get(f"{url.scheme}")
        if proxy is None or _goes_by(host):
            return self._direct.connection_from_host(host, port, url.scheme), url.request_uri
        if not self._connections.may_be_private(host, port):
            check_for_proxy(host, port)
        target = url.url if url.scheme == "http" else url.request_uri
        return proxy.connection_from_host(host, port, url.scheme), target

    def close(self) -> None:
        """Close the connections that are idle."""
        for manager in (self._direct, *self._proxies.values()):
            manager.clear()

    def _proxy(self, url: str) -> ProxyManager:
        parts = parse_url(url if "://" in url else f"http://{url}")
        login = make_headers(proxy_basic_auth=parts.auth) if parts.auth else None
        address = parts._replace(auth=None, path=None).url
        try:
            return _Proxied(self._connections.classes(to_proxy=True), address, proxy_headers=login, **self._options)
        except ProxySchemeUnknown:
            raise UserError(f"proxy {address}: only http and https proxies are supported") from None


class _Direct(PoolManager):
    """Pools of connections of our own classes."""

    def __init__(self, classes: Mapping[str, type[HTTPConnection]], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._classes = classes

    def _new_pool(self, scheme: str, host: str, port: int, request_context: Any = None) -> HTTPConnectionPool:
        pool = super()._new_pool(scheme, host, port, request_context)
        pool.ConnectionCls = self._classes[scheme]
        return pool


class _Proxied(_Direct, ProxyManager):
    """The same through a proxy, which is on the private network more often than not."""


def _goes_by(host: str) -> bool:
    """Whether a host is asked without the proxy; none can reach this machine's own loopback."""
    return host in ("127.0.0.1", "localhost", "[::1]") or bool(proxy_bypass(host))


def _tls_context() -> ssl.SSLContext:
    """Trust the system's authorities (or those of SSL_CERT_FILE), and those of certifi: bare containers have none."""
    context = create_urllib3_context()
    context.sslsocket_class = TlsSocket
    context.load_default_certs()
    if not os.environ.get("SSL_CERT_FILE"):
        context.load_verify_locations(certifi.where())
    return context
