"""Asking an engine the way a crawl does, without a crawl: plain GETs, page after page."""

from dataclasses import dataclass, field
from http.client import HTTPMessage
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request as Get
from urllib.request import urlopen

from configs.schema import SearchFilters
from tasks.crawl.engines.engine import Answer, Hit, Page, Request

NONE = SearchFilters()


@dataclass
class Asked:
    """All that came of a query."""

    hits: list[Hit] = field(default_factory=list)
    pages: int = 0
    answers: list[tuple[Request, Answer]] = field(default_factory=list)


def get(request: Request) -> Answer:
    """The answer to a request, errors included."""
    joint = "&" if "?" in request.url else "?"
    url = f"{request.url}{joint}{request.secret}" if request.secret else request.url
    try:
        reply: Any = urlopen(Get(url, headers=dict(request.headers)), timeout=10)
    except HTTPError as error:
        reply = error
    with reply:
        headers: HTTPMessage = reply.headers
        final = reply.url.partition(f"{joint}{request.secret}")[0] if request.secret else reply.url
        return Answer(final, reply.status, {name.lower(): value for name, value in headers.items()}, reply.read())


def once(engine: Any, keyword: str = "cat", filters: SearchFilters = NONE) -> Page:
    """The first page."""
    request = engine.first(keyword, filters)
    return engine.read(request, get(request))


def all_pages(engine: Any, keyword: str = "cat", most: int = 50) -> Asked:
    """Every page, as long as there is a next one."""
    asked, requests, seen = Asked(), [engine.first(keyword, NONE)], set()
    while requests and asked.pages < most:
        request = requests.pop(0)
        if request.url in seen:
            continue
        seen.add(request.url)
        answer = get(request)
        page = engine.read(request, answer)
        asked.answers.append((request, answer))
        asked.hits += page.hits
        asked.pages += 1
        requests += page.next
    return asked
