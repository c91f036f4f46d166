"""The links of the hostile site: each kind of failure, and good photos in many forms."""

import asyncio
import gzip
import random
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from io import BytesIO
from typing import Protocol

import numpy as np
from PIL import Image

Behaviour = Callable[["Exchange"], Awaitable[None]]

_ENDLESS_BYTES_PER_S = 4_000_000
_DRIP_S = 0.5
_DRIP_BYTES = 10_000_000
_GZIP_BOMB_BYTES = 300_000_000
_BOMB_SIDE_PX = 30_000


@dataclass(frozen=True)
class Kind:
    """A kind of link; all links of a kind behave in the same way."""

    name: str
    good: bool
    """Whether a crawler should keep the photo."""
    links: int
    behave: Behaviour
    format: str = "JPEG"
    suffix: str = ".jpg"
    same: bool = False
    """Whether all links lead to one photo."""


class Site(Protocol):
    """What a response needs of the site; `hostile_site.Site` implements it."""

    trap_port: int
    contents: dict[str, str]
    """Name of the kind of each bad file that was served, by its SHA-256."""

    def served(self, kind: Kind, body: bytes) -> None:
        """Record the body of a photo that a crawler should not keep."""


@dataclass
class Exchange:
    """One request and its response."""

    site: Site
    kind: Kind
    number: int
    """Number of the link among the links of its kind."""
    time: int
    """Which request for this link it is, from 1."""
    writer: asyncio.StreamWriter
    close: bool = False
    """Whether the connection is closed after the response."""

    @property
    def photo(self) -> bytes:
        """The link's photo."""
        return photo(self.kind.name, 0 if self.kind.same else self.number, self.kind.format)

    def head(self, status: int, length: int | None, **headers: str) -> None:
        """Send the status and the headers; without a length, the body ends with the connection."""
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            *(f"{name.replace('_', '-')}: {headers[name]}" for name in headers),
        ]
        lines.append("Connection: close" if length is None else f"Content-Length: {length}")
        self.close = self.close or length is None
        self.writer.write("\r\n".join([*lines, "", ""]).encode())

    async def send(self, body: bytes, status: int = 200, **headers: str) -> None:
        """Send a response; the body of a 200 is recorded."""
        if status == 200:
            self.site.served(self.kind, body)
        self.head(status, len(body), **({"Content_Type": "image/jpeg"} | headers))
        self.writer.write(body)
        await self.writer.drain()


async def fine(exchange: Exchange) -> None:
    await exchange.send(exchange.photo)


def gap(seconds: float) -> Behaviour:
    """Send a photo with a pause in the middle of the body."""

    async def behave(exchange: Exchange) -> None:
        body = exchange.photo
        exchange.site.served(exchange.kind, body)
        exchange.head(200, len(body), Content_Type="image/jpeg")
        exchange.writer.write(body[: len(body) // 2])
        await exchange.writer.drain()
        await asyncio.sleep(seconds)
        exchange.writer.write(body[len(body) // 2 :])
        await exchange.writer.drain()

    return behave


def once(failure: Behaviour) -> Behaviour:
    """Fail at the first request, then send the photo."""

    async def behave(exchange: Exchange) -> None:
        await (failure if exchange.time == 1 else fine)(exchange)

    return behave


def status(code: int, **headers: str) -> Behaviour:
    async def behave(exchange: Exchange) -> None:
        await exchange.send(b"sorry", code, Content_Type="text/plain", **headers)

    return behave


def content(data: Callable[[Exchange], bytes], kind: str = "image/jpeg") -> Behaviour:
    """Send a body, with its true length, that a crawler should not keep."""

    async def behave(exchange: Exchange) -> None:
        await exchange.send(data(exchange), Content_Type=kind)

    return behave


def redirect(to: Callable[[Exchange], str]) -> Behaviour:
    async def behave(exchange: Exchange) -> None:
        await exchange.send(b"", 302, Location=to(exchange))

    return behave


async def reset(exchange: Exchange) -> None:
    connection = exchange.writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    exchange.writer.transport.abort()
    exchange.close = True


async def stall(exchange: Exchange) -> None:
    await asyncio.sleep(86400)


async def endless(exchange: Exchange) -> None:
    exchange.head(200, None, Content_Type="image/jpeg")
    exchange.writer.write(exchange.photo)
    while True:
        exchange.writer.write(bytes(_ENDLESS_BYTES_PER_S // 50))
        await exchange.writer.drain()
        await asyncio.sleep(1 / 50)


async def drip(exchange: Exchange) -> None:
    exchange.head(200, _DRIP_BYTES, Content_Type="image/jpeg")
    for byte in exchange.photo.ljust(_DRIP_BYTES):
        exchange.writer.write(bytes([byte]))
        await exchange.writer.drain()
        await asyncio.sleep(_DRIP_S)


async def too_long(exchange: Exchange) -> None:
    """Send a Content-Length that is longer than the body."""
    body = _cut(exchange)
    exchange.site.served(exchange.kind, body)
    exchange.head(200, len(exchange.photo), Content_Type="image/jpeg")
    exchange.writer.write(body)
    exchange.close = True


async def too_short(exchange: Exchange) -> None:
    """Send a Content-Length that is shorter than the body."""
    exchange.site.served(exchange.kind, _cut(exchange))
    exchange.head(200, len(_cut(exchange)), Content_Type="image/jpeg")
    exchange.writer.write(exchange.photo)
    exchange.close = True


def _cut(exchange: Exchange) -> bytes:
    return exchange.photo[: len(exchange.photo) * 6 // 10]


async def send_gzip_bomb(exchange: Exchange) -> None:
    sent, decompressed = gzip_bomb()
    exchange.site.contents[decompressed] = exchange.kind.name
    await exchange.send(sent, Content_Encoding="gzip")


def _html(exchange: Exchange) -> bytes:
    return f"<!doctype html><title>{exchange.number}</title><p>This photo isn't available.".encode()


def _svg(exchange: Exchange) -> bytes:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><text>{exchange.number}</text></svg>'.encode()
    )


def _garbage(exchange: Exchange) -> bytes:
    return random.Random(exchange.number).randbytes(5000)


@cache
def png_bomb() -> bytes:
    """Make a complete PNG of 900 megapixels with a few hundred kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", _BOMB_SIDE_PX, _BOMB_SIDE_PX, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(_BOMB_SIDE_PX * (1 + _BOMB_SIDE_PX // 8)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@cache
def gzip_bomb() -> tuple[bytes, str]:
    """Return a gzip bomb, and the SHA-256 of its decompressed content."""
    decompressed = photo("gzip bomb", 0).ljust(_GZIP_BOMB_BYTES, b"\0")
    return gzip.compress(decompressed, 6), sha256(decompressed).hexdigest()


@cache
def photo(name: str, number: int, format: str = "JPEG") -> bytes:
    """Make a different photo of 10 to 40 KB for each name and number."""
    rng = np.random.default_rng(zlib.crc32(f"{name} {number}".encode()))
    height, width = (int(side) for side in rng.integers(96, 160, 2))
    file = BytesIO()
    Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).save(file, format)
    return file.getvalue()


def kinds(gap_s: float = 5.0) -> list[Kind]:
    """Return all kinds of links; `gap_s` is the pause in the middle of a good photo."""
    # Port 9, so that a crawler that follows the redirect can't read real metadata of a cloud machine.
    link_local = redirect(lambda exchange: "http://169.254.169.254:9/latest/meta-data/photo.jpg")
    trap = redirect(lambda exchange: f"http://localhost:{exchange.site.trap_port}/{exchange.number}.jpg")
    loop = redirect(lambda exchange: f"/{slug(exchange.kind)}/{exchange.number}.jpg?{exchange.time}")
    return [
        Kind("JPEG", True, 20, fine),
        Kind("PNG", True, 5, fine, "PNG", ".png"),
        Kind("WebP", True, 5, fine, "WEBP", ".webp"),
        Kind("WebP named .jpg", True, 5, fine, "WEBP"),
        Kind("JPEG named .png", True, 5, fine, suffix=".png"),
        Kind("name in the query string", True, 5, fine, suffix="?size=large&name=a/../b.jpg"),
        Kind("one photo under many URLs", True, 50, fine, same=True),
        Kind(f"gap of {gap_s:g} s", True, 4, gap(gap_s)),
        Kind("429 with Retry-After, then fine", True, 5, once(status(429, Retry_After="1"))),
        Kind("500, then fine", True, 5, once(status(500))),
        Kind("503, then fine", True, 5, once(status(503))),
        Kind("reset, then fine", True, 5, once(reset)),
        Kind("stall", False, 4, stall),
        Kind("endless body", False, 2, endless),
        Kind("slow drip", False, 2, drip),
        Kind("Content-Length too long", False, 4, too_long),
        Kind("Content-Length too short", False, 4, too_short),
        Kind("reset, always", False, 4, reset),
        Kind("404", False, 5, status(404)),
        Kind("410", False, 5, status(410)),
        Kind("429, always", False, 3, status(429, Retry_After="1")),
        Kind("500, always", False, 3, status(500)),
        Kind("PNG bomb", False, 2, content(lambda exchange: png_bomb(), "image/png"), suffix=".png"),
        Kind("gzip bomb", False, 2, send_gzip_bomb),
        Kind("redirect loop", False, 3, loop),
        Kind("redirect to 169.254.169.254", False, 2, link_local),
        Kind("redirect to file:", False, 2, redirect(lambda exchange: "file:///etc/passwd")),
        Kind("redirect to another port", False, 2, trap),
        Kind("truncated JPEG", False, 5, content(_cut)),
        Kind("HTML named .jpg", False, 5, content(_html, "text/html")),
        Kind("HTML that says it is a JPEG", False, 3, content(_html)),
        Kind("SVG", False, 3, content(_svg, "image/svg+xml"), suffix=".svg"),
        Kind("empty", False, 3, content(lambda exchange: b"")),
        Kind("garbage", False, 5, content(_garbage)),
    ]


def slug(kind: Kind) -> str:
    """Return the path segment of a kind: a hash, so that the path does not reveal the kind."""
    return f"{zlib.crc32(kind.name.encode()):08x}"
