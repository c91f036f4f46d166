"""Send an engine's requests as a crawl does, but without a crawl: plain GETs, page after page."""

from dataclasses import dataclass, field
from http.client import HTTPMessage
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request as UrllibRequest
from urllib.request import urlopen

from configs.schema import SearchFilters
from tasks.crawl.engines.engine import Hit, Page, Request
from tasks.crawl.http.client import FetchResult

NO_FILTERS = SearchFilters()


@dataclass
class QueryResult:
    """All hits of a query, with the requests and their results."""

    hits: list[Hit] = field(default_factory=list)
    pages: int = 0
    exchanges: list[tuple[Request, FetchResult]] = field(default_factory=list)


def get(request: Request) -> FetchResult:
    """Send a request; returns its result, whatever the status."""
    separator = "&" if "?" in request.url else "?"
    url = f"{request.url}{separator}{request.secret}" if request.secret else request.url
    try:
        reply: Any = urlopen(UrllibRequest(url, headers=dict(request.headers)), timeout=10)
    except HTTPError as error:
        reply = error
    with reply:
        headers: HTTPMessage = reply.headers
        final = reply.url.partition(f"{separator}{request.secret}")[0] if request.secret else reply.url
        return FetchResult(final, reply.status, {name.lower(): value for name, value in headers.items()}, reply.read())


def first_page(engine: Any, keyword: str = "cat", filters: SearchFilters = NO_FILTERS) -> Page:
    """Return the first page of a query's results."""
    request = engine.build_request(keyword, filters)
    return engine.parse(request, get(request))


def all_pages(engine: Any, keyword: str = "cat", max_pages: int = 50) -> QueryResult:
    """Follow the pages of a query's results to the last one."""
    result, requests, seen = QueryResult(), [engine.build_request(keyword, NO_FILTERS)], set()
    while requests and result.pages < max_pages:
        request = requests.pop(0)
        if request.url in seen:
            continue
        seen.add(request.url)
        response = get(request)
        page = engine.parse(request, response)
        result.exchanges.append((request, response))
        result.hits += page.hits
        result.pages += 1
        requests += page.next
    return result
