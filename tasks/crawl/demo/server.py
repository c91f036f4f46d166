"""The demo's photo site, an HTTP server on this machine: pages of search results, and photos."""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import Thread
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tasks.crawl.demo.photos import LICENCE, VERSION, photo_set, search
from tasks.store.errors import UserError

logger = logging.getLogger("fluke.crawl")

HOST = "127.0.0.1"
PHOTOS = f"/v{VERSION}/photos/"
PAGE_HITS = 40


class Handler(BaseHTTPRequestHandler):
    """Responds to `/search?q=KEYWORD&page=N` with HTML, and to the paths of photos with their bytes."""

    protocol_version = "HTTP/1.1"  # keeps connections open
    disable_nagle_algorithm = True  # otherwise each response on an open connection is delayed by 40 ms
    wbufsize = -1

    def do_GET(self) -> None:
        """Respond to a GET request."""
        url = urlsplit(self.path)
        if url.path == "/search":
            query = parse_qs(url.query)
            self._respond(_page(query.get("q", [""])[0], query.get("page", ["0"])[0]), "text/html; charset=utf-8")
            return
        name = unquote(url.path.removeprefix(PHOTOS)) if url.path.startswith(PHOTOS) else ""
        photo = photo_set().photos.get(name)
        if photo is None:
            self._respond(b"not found", "text/plain", HTTPStatus.NOT_FOUND)
        else:
            self._respond(photo, "image/png" if name.endswith(".png") else "image/jpeg")

    def _respond(self, body: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log requests at debug level, not to the terminal."""
        logger.debug(format, *args)


class _Server(ThreadingHTTPServer):
    request_queue_size = 64

    def server_bind(self) -> None:
        """Bind without looking up the machine's name, which takes seconds without a name server."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]


@contextmanager
def serve(port: int) -> Iterator[str]:
    """Run the site; yield its URL, such as `http://127.0.0.1:8765`.

    Args:
        port: 0 chooses a free port.

    Raises:
        UserError: another program uses the port.
    """
    try:
        server = _Server((HOST, port), Handler)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise UserError(
            f"crawl.port={port}: another program uses this port of {HOST}; choose another, e.g. crawl.port={port + 1}"
        ) from error
    photo_set()  # made before the first request, which would else run into its time limit on a slow machine
    thread = Thread(target=server.serve_forever, args=(0.05,), name="demo-site", daemon=True)
    with server:
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def _page(query: str, number: str) -> bytes:
    """Return a page of results as HTML; `number` counts from 0, and anything else than a number means 0."""
    start = (int(number) if number.isdecimal() else 0) * PAGE_HITS
    links = "\n".join(
        f'<li><a class="photo" href="{PHOTOS}{quote(name)}" data-licence="{LICENCE}">{escape(name)}</a>'
        for name in search(query)[start : start + PAGE_HITS]
    )
    return f"<!doctype html><title>{escape(query)}</title><ul>\n{links}\n</ul>".encode()
