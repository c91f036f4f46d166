"""Host names of the site, and clients for it."""

import socket
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import pytest

from configs.schema import CrawlConfig
from tasks.crawl.http.client import Client
from tasks.crawl.http.host_limits import HostLimit


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Addresses per host name: each lookup returns the next one, and the last one is repeated."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def look_up(host: str, port: int, *rest: Any, **more: Any) -> Any:
        if answers := known.get(host):
            return real(answers.pop(0) if len(answers) > 1 else answers[0], port, *rest, **more)
        if host.replace(".", "").isdigit() or ":" in host or host.startswith("0x"):
            return real(host, port, *rest, **more)
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme.upper()}_PROXY", raising=False)


@pytest.fixture
def client(site: Any) -> Iterator[Callable[..., Client]]:
    """Makes clients to which the site is unthrottled, unless `unthrottled` says otherwise."""
    made = []
    site.handle_error = lambda *_: None  # these tests close connections on purpose

    def make(
        *,
        unthrottled: tuple[str, ...] = (urlsplit(site.url).netloc,),
        host_limits: dict[str, HostLimit] | None = None,
        **settings: Any,
    ) -> Client:
        settings = {"timeout_s": 5, "requests_per_s": 1000, **settings}
        made.append(
            Client(CrawlConfig(**settings), unthrottled=unthrottled, host_limits=host_limits or {}, retry_pause_s=0.001)
        )
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def limited(site: Any, names: dict[str, list[str]], client: Callable[..., Client]) -> Callable[..., Client]:
    """Makes clients to which the site is `photos.example`, with all limits."""
    names["photos.example"] = ["127.0.0.1"]

    def make(**settings: Any) -> Client:
        return client(unthrottled=(), private_hosts=("photos.example",), **settings)

    return make


@pytest.fixture
def example(site: Any) -> str:
    """The site's URL under the name photos.example."""
    return f"http://photos.example:{site.server_address[1]}"


@pytest.fixture
def released() -> Iterator[Event]:
    """An event that is set after the test, for replies that wait for it."""
    event = Event()
    yield event
    event.set()
