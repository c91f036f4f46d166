"""Stand-ins for a Prefect server: one that answers, one with errors, and one that accepts and never answers."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class StandIn(ThreadingHTTPServer):
    """Answers each request with `code`, and notes it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.code = 201
        self.requests: list[tuple[str, str, Any]] = []

    @property
    def url(self) -> str:
        """Its API address."""
        return f"http://127.0.0.1:{self.server_port}/api"


class _Handler(BaseHTTPRequestHandler):
    server: StandIn

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        is_csrf = "csrf-token" in self.path  # as of a server without CSRF protection
        if not is_csrf:
            self.server.requests.append((self.command, self.path, json.loads(body or b"null")))
        self.send_response(404 if is_csrf else self.server.code)
        self.end_headers()
        self.wfile.write(b'{"id": "5f1e0d2c-0000-4000-8000-000000000001"}')

    do_GET = do_POST = do_PATCH = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def answering() -> Iterator[StandIn]:
    """A server that answers."""
    with StandIn() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


@contextmanager
def silent() -> Iterator[str]:
    """The API address of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/api"
