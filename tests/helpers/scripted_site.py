"""A local site whose responses are set by the test, and which counts the requests."""

from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from urllib.parse import unquote

import pytest

Reply = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: "Site"

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.asked[unquote(self.path)] += 1
            self.server.headers.append(dict(self.headers))
            replies = self.server.replies.get(unquote(self.path), [])
            reply = replies.pop(0) if len(replies) > 1 else replies[0] if replies else status(404)
        reply(self)

    def log_message(self, format: str, *args: object) -> None:
        pass


def body(data: bytes) -> Reply:
    return status(200, data)


def status(code: int, data: bytes = b"", **headers: str) -> Reply:
    def reply(handler: Handler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return reply


def hang_up(handler: Handler) -> None:
    """Send fewer bytes than Content-Length says."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"only this")
    handler.close_connection = True


def stall(handler: Handler) -> None:
    """Accept the request, and send no response."""
    handler.server.released.wait(20)
    handler.close_connection = True


def refuse(handler: Handler) -> None:
    """Close the connection without a response."""
    handler.close_connection = True


class Site(ThreadingHTTPServer):
    request_queue_size = 64
    status = staticmethod(status)
    hang_up = staticmethod(hang_up)
    stall = staticmethod(stall)
    refuse = staticmethod(refuse)

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = Lock()
        self.asked: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.released = Event()
        self.replies: dict[str, list[Reply]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def on(self, path: str, *replies: Reply | bytes) -> None:
        """Set the replies to a path: one after the other, then the last one again and again."""
        self.replies[path] = [body(reply) if isinstance(reply, bytes) else reply for reply in replies]


@pytest.fixture
def site() -> Iterator[Site]:
    server = Site()
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join()
