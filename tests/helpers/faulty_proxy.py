"""A proxy before an S3 server that answers some requests wrongly: with an error, too late, cut short, or not at all."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Fault = Literal["500", "503", "slow down", "expired", "denied", "hang", "cut", "truncate", "flip", "lose answer"]
_ERRORS = {
    "500": (500, "InternalError"),
    "503": (503, "ServiceUnavailable"),
    "slow down": (503, "SlowDown"),
    "expired": (400, "ExpiredToken"),
    "denied": (403, "AccessDenied"),
}
HANGS_S = 3.0
_NOT_PASSED_ON = {"connection", "transfer-encoding", "server", "date"}


@dataclass
class FaultyProxy:
    """Forwards requests to a server, unless `fault` says otherwise."""

    server: tuple[str, int]
    fault: Callable[[str, str], Fault | None] = lambda method, path: None
    """`fault(method, path)`, asked once for each request, one after the other."""
    requests: Counter[str] = field(default_factory=Counter)
    """How many requests came, by method."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> "FaultyProxy":
        """Listen on a free port."""
        self._listener = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._listener.daemon_threads = True
        threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True).start()
        return self

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listener.server_address[1]}"

    def stop(self) -> None:
        """Listen no longer."""
        self._listener.shutdown()
        self._listener.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                with suppress(ConnectionError):
                    super().handle_one_request()

            def do_GET(self) -> None:
                proxy._answer(self)

            do_PUT = do_HEAD = do_POST = do_DELETE = do_GET  # noqa: N815

            def log_message(self, *arguments: object) -> None:
                pass

        return Handler

    def _answer(self, asked: BaseHTTPRequestHandler) -> None:
        body = asked.rfile.read(int(asked.headers.get("Content-Length") or 0))
        with self._lock:
            self.requests[asked.command] += 1
            fault = self.fault(asked.command, asked.path)
        if fault == "hang":
            time.sleep(HANGS_S)
            asked.close_connection = True
            return None
        if fault in _ERRORS:
            status, code = _ERRORS[fault]
            return self._send(asked, status, {}, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())
        status, headers, data = self._forward(asked, body)
        if fault == "lose answer":
            asked.close_connection = True
        elif fault == "cut":
            self._send(asked, status, headers, data, sent=len(data) // 2)
            asked.close_connection = True
        elif fault == "truncate":
            self._send(asked, status, headers, data[: len(data) // 2])
        elif fault == "flip":
            self._send(asked, status, headers, bytes([data[0] ^ 1]) + data[1:] if data else data)
        else:
            self._send(asked, status, headers, data)
        return None

    def _forward(self, asked: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(*self.server, timeout=30)
        with self._lock:  # moto compares an ETag and writes in two steps, which a real server doesn't
            connection.request(asked.command, asked.path, body, dict(asked.headers.items()))
            answer = connection.getresponse()
            data = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), data

    @staticmethod
    def _send(
        asked: BaseHTTPRequestHandler, status: int, headers: dict[str, str], data: bytes, sent: int | None = None
    ) -> None:
        asked.send_response(status)
        kept = {name: value for name, value in headers.items() if name.lower() not in _NOT_PASSED_ON}
        if asked.command != "HEAD":
            kept = {name: value for name, value in kept.items() if name.lower() != "content-length"}
            kept["Content-Length"] = str(len(data))
        for name, value in kept.items():
            asked.send_header(name, value)
        asked.end_headers()
        if asked.command != "HEAD":
            asked.wfile.write(data[:sent])
        asked.wfile.flush()
