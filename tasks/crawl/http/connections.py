"""Connections to checked addresses, with a deadline for each response; all of them can be shut down at once."""

import math
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from tasks.crawl.http.urls import resolve

FIRST_TIMEOUTS, MAX_TIMEOUTS = 3, 20
"""Deadline of a response, in units of `timeout_s`: at its start, and at most, however much data arrives."""
_MAX_ADDRESSES = 4
_MIN_BYTES_PER_S = 1000


class TooSlowError(TimeoutError):
    """A response kept arriving, but did not end before its deadline."""


class _Deadline:
    """Mixin for sockets: refuse to read after a deadline, which received bytes extend."""

    end = latest_end = math.inf

    def start(self, first_s: float, max_s: float) -> None:
        """Start a new response: `first_s` seconds, and one more for each kilobyte, up to `max_s` seconds."""
        now = time.monotonic()
        self.end, self.latest_end = now + first_s, now + max_s

    def check(self) -> None:
        """Raise TooSlowError if the deadline has passed."""
        if time.monotonic() > self.end:
            raise TooSlowError

    def extend(self, size: int) -> int:
        """Extend the deadline for `size` received bytes; returns `size`."""
        self.end = min(self.latest_end, self.end + size / _MIN_BYTES_PER_S)
        return size


class _Socket(_Deadline, socket.socket):
    def recv_into(self, *args: Any) -> int:
        self.check()
        return self.extend(super().recv_into(*args))


class TlsSocket(_Deadline, ssl.SSLSocket):
    """A TLS socket with a deadline for each response."""

    def recv_into(self, *args: Any) -> int:
        """Read as SSLSocket does; raises TooSlowError after the deadline."""
        self.check()
        return self.extend(super().recv_into(*args))


class Connections:
    """Opens connections, and can shut all of them down while their threads wait for data."""

    def __init__(self, *, timeout_s: float, may_be_private: Callable[[str, int], bool]) -> None:
        """Create an empty registry.

        Args:
            timeout_s: Seconds for each single wait; a response may need several.
            may_be_private: Whether a host and port may have a private address.
        """
        self._timeout_s, self.may_be_private = timeout_s, may_be_private
        self._lock = Lock()
        self._sockets: WeakKeyDictionary[HTTPConnection, socket.socket] = WeakKeyDictionary()
        """Our own registry: urllib3 drops its reference to the socket while a body without a length is being read."""
        self._is_shut_down = False

    def shut_down(self) -> None:
        """Shut all connections down, and refuse to open new ones."""
        with self._lock:
            self._is_shut_down = True
            for sock in self._sockets.values():
                with suppress(OSError):
                    # Not SSLSocket.shutdown, which would hand the encrypted bytes to the thread that reads.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def classes(self, *, to_proxy: bool) -> dict[str, type[HTTPConnection]]:
        """Return the connection class for urllib3's pools, per scheme.

        Args:
            to_proxy: Whether they connect to a proxy, whose own address may be private.
        """
        registry = self

        class Http(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return registry._open(self, to_proxy=to_proxy)

            def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3 itself
                registry._start_deadline(self)
                return super().getresponse()

        class Https(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                sock = registry._open(self, to_proxy=to_proxy)
                registry._add(self, sock.dup())  # TLS takes over `sock`; the duplicate can shut it down meanwhile
                return sock

            def connect(self) -> None:
                try:
                    super().connect()
                finally:
                    registry._remove(self)
                if isinstance(self.sock, socket.socket):
                    registry._add(self, self.sock)

            def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3 itself
                registry._start_deadline(self)
                return super().getresponse()

        return {"http": Http, "https": Https}

    def _start_deadline(self, connection: HTTPConnection) -> None:
        if isinstance(connection.sock, _Socket | TlsSocket):
            connection.sock.start(FIRST_TIMEOUTS * self._timeout_s, MAX_TIMEOUTS * self._timeout_s)

    def _open(self, connection: HTTPConnection, *, to_proxy: bool) -> socket.socket:
        """Resolve the name once, and connect to one of the addresses that were checked."""
        host, port = connection._dns_host, connection.port
        allow_private = to_proxy or self.may_be_private(host, port)
        try:
            addresses = resolve(host, port, allow_private=allow_private)[:_MAX_ADDRESSES]
        except socket.gaierror as error:
            raise NameResolutionError(host, connection, error) from error
        problem: OSError | None = None
        for family, kind, protocol, _, address in addresses:
            sock = _Socket(family, kind, protocol)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(connection.timeout and connection.timeout / len(addresses))
                self._add(connection, sock)
                sock.connect(address)
            except OSError as error:
                sock.close()
                problem = error
            else:
                sock.settimeout(connection.timeout)
                return sock
        if isinstance(problem, TimeoutError):
            raise ConnectTimeoutError(connection, "timed out") from problem
        raise NewConnectionError(connection, f"{problem}") from problem

    def _add(self, connection: HTTPConnection, sock: socket.socket) -> None:
        """Register a connection's socket for `shut_down`."""
        with self._lock:
            if self._is_shut_down:
                sock.close()
                raise ConnectionAbortedError("shut down")
            self._sockets[connection] = sock

    def _remove(self, connection: HTTPConnection) -> None:
        """Close the registered socket, which is the duplicate."""
        with self._lock:
            if sock := self._sockets.pop(connection, None):
                sock.close()
