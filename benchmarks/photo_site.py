"""Serve a photo site on a loopback port, which is faster than any crawler.

    .venv/bin/python benchmarks/photo_site.py --latency-ms 100

- `/photos/7.jpg`: photo 7, a JPEG of 100 to 200 KB. There are a few dozen pictures. A comment segment makes the bytes
  of each number different, so a crawler has to fetch, hash, decode and store each photo.
- `/search?q=CLASS&page=0`: one page of 40 results, links of class `photo`.
- `/add-results`: adds 1 % new results at random positions; returns their number.
- `/counts`: requests, bytes, and seconds from the first response to the last, since the last call; as JSON.

The site is one process with one event loop: a response is one buffer, and the latency is a timer, not a thread.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from hashlib import sha256
from socket import SO_SNDBUF, SOL_SOCKET
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import cv2
import numpy as np
from numpy.typing import NDArray

PICTURES = 48
PAGE_HITS = 40
CLASSES = ("cat", "dog")
_SEND_BUFFER_BYTES = 1 << 20
_CONTROL = ("/counts", "/add-results")


def photo_urls(site: str, count: int) -> list[str]:
    """Return the URLs of the first `count` photos."""
    return [f"{site}/photos/{number}.jpg" for number in range(count)]


@cache
def photo_digests(count: int) -> set[str]:
    """Return the SHA-256 of each of the first `count` photos."""
    photos = Photos()
    return {sha256(photos[number]).hexdigest() for number in range(count)}


class Photos:
    """The site's photos by number; the same bytes on every machine with the same OpenCV."""

    def __getitem__(self, number: int) -> bytes:
        picture = self._pictures[number % PICTURES]
        comment = b"photo %d" % number
        return b"\xff\xd8\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + picture[2:]

    @cached_property
    def _pictures(self) -> list[bytes]:
        rng = np.random.default_rng(0)
        grain = cv2.GaussianBlur(40 * rng.standard_normal((2000, 2000, 3), np.float32), (0, 0), 1.2)
        return [_picture(rng, grain, target_bytes) for target_bytes in np.linspace(105_000, 195_000, PICTURES)]


def _picture(rng: np.random.Generator, grain: NDArray[np.float32], target_bytes: float) -> bytes:
    """Make a JPEG of 0.5 to 1.2 megapixels, with the quality that gives about the target size."""
    height, width, top, left = (int(px) for px in rng.integers((700, 700, 0, 0), (1100, 1100, 900, 900)))
    slope = np.linspace(0, 120, width)[None, :, None] + np.linspace(0, 60, height)[:, None, None]
    piece = grain[top : top + height, left : left + width]
    pixels = np.clip(slope.astype(np.float32) + piece + 40, 0, 255).astype(np.uint8)
    low, high, best = 10, 98, b""
    while low <= high:
        quality = (low + high) // 2
        encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(encoded) <= target_bytes:
            low, best = quality + 1, encoded
        else:
            high = quality - 1
    return best


class Site:
    """The responses of the site, and its counts."""

    def __init__(self, results: int) -> None:
        self.photos = Photos()
        share = results // len(CLASSES)
        self.results = {label: list(range(place * share, (place + 1) * share)) for place, label in enumerate(CLASSES)}
        self.requests = self.bytes = 0
        self.began: float | None = None
        self.ended = 0.0

    def answer(self, path: str) -> bytes:
        """Return the whole response to a GET request."""
        url = urlsplit(path)
        if url.path.startswith("/photos/"):
            kind, body = "image/jpeg", self.photos[int(url.path[8:-4])]
        elif url.path == "/search":
            query = parse_qs(url.query)
            kind, body = "text/html", self._page(query["q"][0], int(query.get("page", ["0"])[0]))
        elif url.path == "/add-results":
            kind, body = "text/plain", b"%d" % self._add_one_in_a_hundred()
        elif url.path == "/counts":
            kind, body = "application/json", self._counts()
        else:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (kind.encode(), len(body))
        if url.path not in _CONTROL:
            self.ended = time.monotonic()
            self.began = self.began or self.ended
            self.requests += 1
            self.bytes += len(head) + len(body)
        return head + body

    def _page(self, label: str, page: int) -> bytes:
        found = self.results.get(label, [])[page * PAGE_HITS : (page + 1) * PAGE_HITS]
        links = "\n".join(f'<li><a class="photo" href="/photos/{number}.jpg">{number}</a>' for number in found)
        return f"<!doctype html><title>{label}</title><ul>\n{links}\n</ul>".encode()

    def _add_one_in_a_hundred(self) -> int:
        rng = random.Random(1)
        before = number = sum(map(len, self.results.values()))
        for found in self.results.values():
            for _ in range(len(found) // 100):
                found.insert(rng.randrange(len(found) + 1), number)
                number += 1
        return number - before

    def _counts(self) -> bytes:
        seconds = self.ended - self.began if self.began else 0.0
        counts = {"requests": self.requests, "bytes": self.bytes, "seconds": seconds}
        self.requests = self.bytes = 0
        self.began = None
        return json.dumps(counts).encode()


class Connection(asyncio.Protocol):
    """One client: its requests are answered one after the other, each after the latency."""

    transport: asyncio.Transport

    def __init__(self, site: Site, latency_s: float) -> None:
        self._site, self._latency_s = site, latency_s
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_SNDBUF, _SEND_BUFFER_BYTES)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head, self._received = self._received[:end], self._received[end + 4 :]
            path = head.split(b" ", 2)[1].decode()
            close = b"\r\nconnection: close" in head.lower()
            if self._latency_s and path not in _CONTROL:
                asyncio.get_running_loop().call_later(self._latency_s, self._answer, path, close)
            else:
                self._answer(path, close)

    def _answer(self, path: str, close: bool) -> None:
        if not self.transport.is_closing():
            self.transport.write(self._site.answer(path))
            if close:
                self.transport.close()


async def _serve(site: Site, latency_s: float, port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(site, latency_s), "127.0.0.1", port, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


@contextmanager
def gallery(latency_s: float = 0.0, results: int = 1000) -> Iterator[str]:
    """Run the site in its own process; yields its URL."""
    command = [sys.executable, __file__, "--latency-ms", str(1000 * latency_s), "--results", str(results)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            site = process.stdout.readline().strip()
            urlopen(f"{site}/photos/0.jpg").read()  # the first request makes the pictures
            counts(site)
            yield site
        finally:
            process.kill()


def counts(site: str) -> dict[str, float]:
    """Return `requests`, `bytes` and `seconds` (from the first response to the last) since the last call."""
    with urlopen(f"{site}/counts") as answer:
        return dict(json.load(answer))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--results", type=int, default=1000, help="photos that the searches find, of all classes")
    options = parser.parse_args()
    asyncio.run(_serve(Site(options.results), options.latency_ms / 1000, options.port))


if __name__ == "__main__":
    main()
