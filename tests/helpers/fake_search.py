"""A local server that imitates all search engines, and the sites that their photos are on.

`fake_search.engine("naver")` is the real engine with this server as its host. `fake_search.install(monkeypatch,
"naver")` replaces the engine for a whole crawl, which then needs `crawl.private_hosts` for this server, and
`crawl.robots=photos` for result pages if `robots` forbids them. The responses of each engine are in `fake_engines`; a
test selects one with `fake_search.modes["naver"] = "limited"`:

    usual      results for each keyword in `photo_counts`, none for others; an error if the request isn't as documented
    limited    too many requests, or a captcha
    denied     credentials rejected
    changed    another format
    failing    HTTP 500
    gone       HTTP 404
    garbage    random bytes
    truncated  the first two thirds of the usual response
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from io import BytesIO
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import numpy as np
import pytest
from PIL import Image

KEYWORDS = ("cat", "고양이", "cat & dog", "C#/C++ 100%", "a+b=c?", "flying 🐳 whale", "Straße “x”")
"""Keywords with photos; most of them need percent-encoding."""
CREDENTIALS = {
    "NAVER_API_HUB_CLIENT_ID": "hub-id",
    "NAVER_API_HUB_CLIENT_SECRET": "hub-secret",
    "NAVER_CLIENT_ID": "old-id",
    "NAVER_CLIENT_SECRET": "old-secret",
    "FLICKR_API_KEY": "f" * 32,
    "GOOGLE_API_KEY": "AIza-google-key",
    "GOOGLE_CSE_ID": "017576662512468239146:omuauf_lfve",
}
OPENVERSE_CREDENTIALS = {"OPENVERSE_CLIENT_ID": "openverse-id", "OPENVERSE_CLIENT_SECRET": "openverse-secret"}
"""Optional, so they are set only by the tests that need them."""
FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "JPEG": "JPEG", "gif": "GIF"}


@dataclass(frozen=True)
class RecordedRequest:
    """A request that the server received."""

    engine: str
    path: str
    """Path below the engine's own URL."""
    query: str
    """Query string, not decoded."""
    headers: dict[str, str] = field(hash=False)
    form: str = ""
    """The form of a POST request."""

    @property
    def parameters(self) -> dict[str, str]:
        return dict(parse_qsl(self.query))


@dataclass(frozen=True)
class Reply:
    """A response of the server."""

    body: bytes
    status: int = 200
    kind: str = "application/json; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: "FakeSearch"

    def do_POST(self) -> None:
        self.do_GET(self.rfile.read(int(self.headers["Content-Length"])).decode())

    def do_GET(self, form: str = "") -> None:
        parts = urlsplit(self.path)
        engine, _, path = parts.path.lstrip("/").partition("/")
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = RecordedRequest(engine, f"/{path}", parts.query, headers, form)
        with self.server.lock:
            self.server.requests.append(request)
        try:
            reply = self.server.respond(request)
        except Exception as error:  # the test sees status 599, not a closed connection
            reply = Reply(repr(error).encode(), 599)
        self.send_response(reply.status)
        for name, value in (("Content-Type", reply.kind), ("Content-Length", str(len(reply.body))), *reply.headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class FakeSearch(ThreadingHTTPServer):
    """The server; `requests` records what it received, in order."""

    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = Lock()
        self.requests: list[RecordedRequest] = []
        self.modes: dict[str, str] = {}
        self.photo_counts: dict[str, int] = dict.fromkeys(KEYWORDS, 5)
        """Number of photos per keyword."""
        self.valid_tokens: set[str] = set()
        """Of Openverse: those that were issued and have not expired."""
        self.robots = ""
        """Content of /robots.txt; no such file if empty."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def engine(self, name: str) -> Any:
        """Return the engine of that name with this server as its host; its credentials are `CREDENTIALS`."""
        engine = import_module(f"tasks.crawl.sources.{name}").ENGINE
        if name == "naver":
            return replace(engine, hub=f"{self.url}/naver", old=f"{self.url}/naver")
        return engine if name == "site" else replace(engine, host=f"{self.url}/{name}")

    def install(self, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
        """Replace the real engines of these names, for a whole crawl."""
        for name in names:
            monkeypatch.setattr(f"tasks.crawl.sources.{name}.ENGINE", self.engine(name))

    def photos(self, keyword: str, engine: str) -> list[str]:
        """Return the URLs of a keyword's photos, the most relevant first; each is a different photo."""
        number = KEYWORDS.index(keyword) if keyword in KEYWORDS else sum(keyword.encode())
        formats = list(FORMATS)
        return [
            f"{self.url}/photos/{engine}/{number}-{i}.{formats[i % len(formats)]}?size=full&v=1"
            for i in range(self.photo_counts.get(keyword, 0))
        ]

    def thumbnail(self, photo: str) -> str:
        return photo.replace("/photos/", "/thumbnails/").partition("?")[0]

    def respond(self, request: RecordedRequest) -> Reply:
        if request.engine == "photos":
            return _photo(request.path)
        if request.engine == "robots.txt" and self.robots:
            return Reply(self.robots.encode(), kind="text/plain")
        return self._engine_response(request, self.modes.get(request.engine, "usual"))

    def _engine_response(self, request: RecordedRequest, mode: str) -> Reply:
        from tests.helpers import fake_engines

        respond = fake_engines.RESPONSES.get(request.engine)
        if mode == "gone" or respond is None:
            return Reply(b"<html><title>404 Not Found</title></html>", 404, "text/html")
        if mode == "failing":
            return Reply(b"", 500)
        if mode == "garbage":
            return Reply(random.Random(1).randbytes(3000), kind="application/octet-stream")
        reply = respond(self, request, mode)
        return replace(reply, body=reply.body[: len(reply.body) * 2 // 3]) if mode == "truncated" else reply


@lru_cache(maxsize=512)
def _photo(path: str) -> Reply:
    """Return a small photo in the format of the path's extension; a different one for each path."""
    name = FORMATS[path.rpartition(".")[2]]
    pixels = np.random.default_rng(list(unquote(path).encode())).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).resize((64, 48), Image.Resampling.BICUBIC).save(file, name)
    return Reply(file.getvalue(), kind=f"image/{name.lower()}")


@pytest.fixture
def fake_search(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSearch]:
    """Run the server, with the engines' credentials in the environment."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    server = FakeSearch()
    thread = Thread(target=server.serve_forever, args=(0.002,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
