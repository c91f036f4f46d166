"""Receivers of messages on this machine: a web server and a mail server that keep what they are sent."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def webhook(status: int = 200) -> Iterator[tuple[int, list[str]]]:
    """Yield the port of a web server, and the bodies of the POST requests that it has answered with a status."""
    received: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with _serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        yield port, received


@contextmanager
def mail() -> Iterator[tuple[int, list[str]]]:
    """Yield the port of a mail server without encryption, and the mails that it was given."""
    received: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 here")
            while line := self.rfile.readline().decode():
                match line[:4].upper().strip():
                    case "EHLO":
                        self._say("250-here", "250 SIZE 1000000")
                    case "DATA":
                        self._say("354 go on")
                        lines = iter(lambda: self.rfile.readline().decode(), ".\r\n")
                        received.append("".join(lines))
                        self._say("250 kept")
                    case "QUIT":
                        self._say("221 bye")
                        return
                    case _:
                        self._say("250 fine")

        def _say(self, *lines: str) -> None:
            self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())

    with _serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        yield port, received


@contextmanager
def _serving(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
