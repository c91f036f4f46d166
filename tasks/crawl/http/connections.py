"""Connections: to addresses that were checked, of bounded patience, and broken off all at once when need be."""

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

from tasks.crawl.http.urls import resolved

_MOST_ADDRESSES = 4
_FIRST, _LONGEST = 3, 20
"""Time-outs that one answer may take altogether: however little comes, and however steadily it comes."""
_LEAST_BYTES_PER_S = 1000


class TooSlowError(TimeoutError):
    """An answer that goes on coming, but has taken too long altogether."""


class _Patience:
    """A socket that takes nothing in after its end, which what comes in puts off."""

    end = latest_end = math.inf

    def begin(self, first_s: float, longest_s: float) -> None:
        """Wait for a new answer: so long, a second more for each kilobyte, but never longer than the longest."""
        now = time.monotonic()
        self.end, self.latest_end = now + first_s, now + longest_s

    def check(self) -> None:
        """Raise TooSlowError if it is too late."""
        if time.monotonic() > self.end:
            raise TooSlowError

    def earn(self, size: int) -> int:
        """Put the end off for bytes that came in."""
        self.end = min(self.latest_end, self.end + size / _LEAST_BYTES_PER_S)
        return size


class _Socket(_Patience, socket.socket):
    def recv_into(self, *args: Any) -> int:
        self.check()
        return self.earn(super().recv_into(*args))


class TlsSocket(_Patience, ssl.SSLSocket):
    """The same for TLS."""

    def recv_into(self, *args: Any) -> int:
        """As the plain socket, unless it is too late."""
        self.check()
        return self.earn(super().recv_into(*args))


class Connections:
    """Opens them, and shuts them whatever their threads wait for."""

    def __init__(self, *, timeout_s: float, may_be_private: Callable[[str, int], bool]) -> None:
        """timeout_s: of each wait, of which an answer may take several. may_be_private: of a host and a port."""
        self._timeout_s, self.may_be_private = timeout_s, may_be_private
        self._lock = Lock()
        self._sockets: WeakKeyDictionary[HTTPConnection, socket.socket] = WeakKeyDictionary()
        """Our own list: a connection forgets its socket while an answer without a length is still being read."""
        self._is_shut = False

    def shut(self) -> None:
        """Break off all connections, and open no others."""
        with self._lock:
            self._is_shut = True
            for sock in self._sockets.values():
                with suppress(OSError):
                    # Not the TLS socket's own method, which would leave its reader with the encrypted bytes.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def classes(self, *, to_proxy: bool) -> dict[str, type[HTTPConnection]]:
        """Classes for urllib3's pools, per scheme. to_proxy: whose addresses aren't ours to check."""
        ours = self

        class Http(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return ours._open(self, to_proxy=to_proxy)

            def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3 itself
                ours._bound(self)
                return super().getresponse()

        class Https(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                sock = ours._open(self, to_proxy=to_proxy)
                ours._note(self, sock.dup())  # TLS takes this one over; meanwhile it can be shut by the other
                return sock

            def connect(self) -> None:
                try:
                    super().connect()
                finally:
                    ours._forget(self)
                if isinstance(self.sock, socket.socket):
                    ours._note(self, self.sock)

            def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3 itself
                ours._bound(self)
                return super().getresponse()

        return {"http": Http, "https": Https}

    def _bound(self, connection: HTTPConnection) -> None:
        if isinstance(connection.sock, _Socket | TlsSocket):
            connection.sock.begin(_FIRST * self._timeout_s, _LONGEST * self._timeout_s)

    def _open(self, connection: HTTPConnection, *, to_proxy: bool) -> socket.socket:
        """Look the name up once, and connect to one of just those addresses that passed."""
        host, port = connection._dns_host, connection.port
        try:
            addresses = resolved(host, port, private=to_proxy or self.may_be_private(host, port))[:_MOST_ADDRESSES]
        except socket.gaierror as error:
            raise NameResolutionError(host, connection, error) from error
        problem: OSError | None = None
        for family, kind, protocol, _, address in addresses:
            sock = _Socket(family, kind, protocol)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(connection.timeout and connection.timeout / len(addresses))
                self._note(connection, sock)
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

    def _note(self, connection: HTTPConnection, sock: socket.socket) -> None:
        """Remember the socket for `shut`."""
        with self._lock:
            if self._is_shut:
                sock.close()
                raise ConnectionAbortedError("shut")
            self._sockets[connection] = sock

    def _forget(self, connection: HTTPConnection) -> None:
        """Close the socket that was noted, which isn't the connection's own."""
        with self._lock:
            if sock := self._sockets.pop(connection, None):
                sock.close()
