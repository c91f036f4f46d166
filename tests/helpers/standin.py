"""A server that stands in for all search engines at once, and for the sites that their photos are on.

`standin.engine("naver")` is the real engine, pointed at this server; `standin.install(monkeypatch, "naver")` puts it
where a crawl finds it (which then needs `crawl.private_hosts` for this server, and `crawl.robots=photos` for result
pages if `robots` forbids them). What each engine answers is in `standin_engines`; a test chooses between its answers
with `standin.moods["naver"] = "limited"`:

    usual      results for each keyword of `totals`, none for any other; an error if the request is not as documented
    limited    too many requests, or a captcha
    denied     wrong credentials
    changed    another layout
    failing    HTTP 500
    gone       HTTP 404
    garbage    random bytes
    truncated  the first two thirds of the usual answer
"""

import random
from collections.abc import Callable, Iterator
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
"""Keywords that have photos, most of them hard to quote."""
CREDENTIALS = {
    "NAVER_API_HUB_CLIENT_ID": "hub-id",
    "NAVER_API_HUB_CLIENT_SECRET": "hub-secret",
    "NAVER_CLIENT_ID": "old-id",
    "NAVER_CLIENT_SECRET": "old-secret",
    "FLICKR_API_KEY": "f" * 32,
}
FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "JPEG": "JPEG", "gif": "GIF"}


@dataclass(frozen=True)
class Asked:
    """A request that came in."""

    engine: str
    path: str
    """Below the engine's own address."""
    query: str
    """As it was sent."""
    headers: dict[str, str] = field(hash=False)

    @property
    def parameters(self) -> dict[str, str]:
        return dict(parse_qsl(self.query))


@dataclass(frozen=True)
class Reply:
    """What is answered."""

    body: bytes
    status: int = 200
    kind: str = "application/json; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: "StandIn"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        engine, _, path = parts.path.lstrip("/").partition("/")
        asked = Asked(engine, f"/{path}", parts.query, {name.lower(): value for name, value in self.headers.items()})
        with self.server.lock:
            self.server.asked.append(asked)
        try:
            reply = self.server.answer(asked)
        except Exception as error:  # seen by the test as a 599, not as a hang-up
            reply = Reply(repr(error).encode(), 599)
        self.send_response(reply.status)
        for name, value in (("Content-Type", reply.kind), ("Content-Length", str(len(reply.body))), *reply.headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class StandIn(ThreadingHTTPServer):
    """The server; `asked` is what it was asked, in order."""

    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = Lock()
        self.asked: list[Asked] = []
        self.moods: dict[str, str] = {}
        self.totals: dict[str, int] = dict.fromkeys(KEYWORDS, 5)
        """How many photos there are for a keyword."""
        self.robots = ""
        """The robots.txt of all of it; none if empty."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def engine(self, name: str) -> Any:
        """The engine of that name, pointed here; its environment variables are those of `CREDENTIALS`."""
        engine = import_module(f"tasks.crawl.sources.{name}").ENGINE
        if name == "naver":
            return replace(engine, hub=f"{self.url}/naver", old=f"{self.url}/naver")
        return engine if name == "site" else replace(engine, host=f"{self.url}/{name}")

    def install(self, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
        """Put the engines of these names in the places of the real ones, for a whole crawl."""
        for name in names:
            monkeypatch.setattr(f"tasks.crawl.sources.{name}.ENGINE", self.engine(name))

    def photos(self, keyword: str, engine: str) -> list[str]:
        """The addresses of a keyword's photos, the best first; each is another photo."""
        number = KEYWORDS.index(keyword) if keyword in KEYWORDS else sum(keyword.encode())
        formats = list(FORMATS)
        return [
            f"{self.url}/photos/{engine}/{number}-{i}.{formats[i % len(formats)]}?size=full&v=1"
            for i in range(self.totals.get(keyword, 0))
        ]

    def thumbnail(self, photo: str) -> str:
        return photo.replace("/photos/", "/thumbnails/").partition("?")[0]

    def answer(self, asked: Asked) -> Reply:
        if asked.engine == "photos":
            return _photo(asked.path)
        if asked.engine == "robots.txt" and self.robots:
            return Reply(self.robots.encode(), kind="text/plain")
        return self._engine_s(asked, self.moods.get(asked.engine, "usual"))

    def _engine_s(self, asked: Asked, mood: str) -> Reply:
        from tests.helpers import standin_engines

        answers: Callable[[StandIn, Asked, str], Reply] | None = getattr(standin_engines, asked.engine, None)
        if mood == "gone" or answers is None:
            return Reply(b"<html><title>404 Not Found</title></html>", 404, "text/html")
        if mood == "failing":
            return Reply(b"", 500)
        if mood == "garbage":
            return Reply(random.Random(1).randbytes(3000), kind="application/octet-stream")
        reply = answers(self, asked, mood)
        return replace(reply, body=reply.body[: len(reply.body) * 2 // 3]) if mood == "truncated" else reply


@lru_cache(maxsize=512)
def _photo(path: str) -> Reply:
    """A small real photo in the format of its ending, another one for each path."""
    name = FORMATS[path.rpartition(".")[2]]
    pixels = np.random.default_rng(list(unquote(path).encode())).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).resize((64, 48), Image.Resampling.BICUBIC).save(file, name)
    return Reply(file.getvalue(), kind=f"image/{name.lower()}")


@pytest.fixture
def standin(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """The server, with the credentials that its engines want in the environment."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    server = StandIn()
    thread = Thread(target=server.serve_forever, args=(0.002,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
