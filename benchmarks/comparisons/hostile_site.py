"""Serve a site on a loopback port with every kind of failure, next to good photos in many forms. Tests use it, too."""

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256

from benchmarks.comparisons.hostile_links import Exchange, Kind, fine, gzip_bomb, photo, png_bomb, slug, status


@dataclass
class Site:
    """The links in a fixed random order, and a record of requests and responses."""

    kinds: Sequence[Kind]
    seed: int = 0
    port: int = 0
    trap_port: int = 0
    """A port that no crawler may request; it serves photos as well."""
    trapped: int = 0
    """Number of requests to the trap port."""
    asked: Counter[str] = field(default_factory=Counter)
    """Number of requests by path."""
    contents: dict[str, str] = field(default_factory=dict)
    """Name of the kind of each bad file that was served, by its SHA-256."""

    @property
    def urls(self) -> list[str]:
        """The URLs of all links."""
        links = [f"/{slug(kind)}/{number}{kind.suffix}" for kind in self.kinds for number in range(kind.links)]
        random.Random(self.seed).shuffle(links)
        return [f"http://127.0.0.1:{self.port}{link}" for link in links]

    @property
    def good(self) -> dict[str, str]:
        """Name of the kind of each good photo, by its SHA-256."""
        return {
            sha256(photo(kind.name, number, kind.format)).hexdigest(): kind.name
            for kind in self.kinds
            if kind.good
            for number in range(1 if kind.same else kind.links)
        }

    def served(self, kind: Kind, body: bytes) -> None:
        """Record the body of a bad link."""
        if not kind.good:
            self.contents[sha256(body).hexdigest()] = kind.name

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of a connection."""
        by_slug = {slug(kind): kind for kind in self.kinds}
        # Cancelled only when the site is closed; streams would print that.
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            close = False
            while not close:
                path = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1].decode()
                self.asked[path] += 1
                _, in_path, rest = path.split("/", 2) if path.count("/") > 1 else ("", "", "")
                kind = by_slug.get(in_path, Kind("no such link", False, 0, status(404)))
                digits = "".join(character for character in rest[:4] if character.isdecimal())
                exchange = Exchange(self, kind, int(digits or 0), self.asked[path], writer)
                await kind.behave(exchange)
                close = exchange.close
        writer.close()

    async def trap(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer a request that should never have been made."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            self.trapped += 1
            kind = Kind("redirect to another port", False, 0, fine)
            exchange = Exchange(self, kind, self.trapped, 1, writer)
            await fine(exchange)
        writer.close()


@contextmanager
def serve(kinds: Sequence[Kind], seed: int = 0) -> Iterator[Site]:
    """Run a site in a thread of this process."""
    site, loop, ready = Site(kinds, seed), asyncio.new_event_loop(), threading.Event()
    # Made before the site starts: work in the event loop would look like a server that stalls.
    png_bomb()
    gzip_bomb()
    for kind in kinds:
        for number in range(kind.links):
            photo(kind.name, number, kind.format)

    async def run() -> None:
        servers = [await asyncio.start_server(answer, "127.0.0.1", 0) for answer in (site.answer, site.trap)]
        site.port, site.trap_port = (server.sockets[0].getsockname()[1] for server in servers)
        ready.set()
        await asyncio.gather(*(server.serve_forever() for server in servers))

    def run_until_cancelled() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)

    task = loop.create_task(run())
    thread = threading.Thread(target=run_until_cancelled, name="hostile site", daemon=True)
    thread.start()
    ready.wait()
    try:
        yield site
    finally:
        loop.call_soon_threadsafe(lambda: [each.cancel() for each in asyncio.all_tasks(loop)])
        thread.join()
        loop.close()
