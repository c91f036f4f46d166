"""Naver's official image search API.

Where the format is documented (looked up in November 2026): api.ncloud-docs.com/docs/en/naver-api-hub-search-image for
NAVER API HUB, developers.naver.com/docs/serviceapi/search/image for the Developers Center. The parameters and the
answers are the same; host, path and headers differ.

Both are asked, since each is the only one for somebody: the Developers Center has given out no keys since 2026-07-31,
and its old ones work until 2027-06-30. A key of the HUB is used first.

    NAVER_API_HUB_CLIENT_ID, NAVER_API_HUB_CLIENT_SECRET   NAVER Cloud Platform console, NAVER API HUB, Application
    NAVER_CLIENT_ID, NAVER_CLIENT_SECRET                   the Developers Center, until 2027-06-30
"""

from dataclasses import dataclass

from configs.schema import SearchFilters
from tasks.crawl.engines import credentials, parsing
from tasks.crawl.engines.engine import Answer, ChangedError, Hit, Page, Request
from tasks.crawl.engines.filters import Offer
from tasks.crawl.engines.queries import Parameters, moved, number, url_of

_HUB = ("NAVER_API_HUB_CLIENT_ID", "NAVER_API_HUB_CLIENT_SECRET")
_HUB_HEADERS = ("X-NCP-APIGW-API-KEY-ID", "X-NCP-APIGW-API-KEY")
_OLD = ("NAVER_CLIENT_ID", "NAVER_CLIENT_SECRET")
_OLD_HEADERS = ("X-Naver-Client-Id", "X-Naver-Client-Secret")
_WHERE = "console.ncloud.com (NAVER API HUB; the Developers Center gives out no new keys)"

_AT_ONCE = 100
_LAST_START = 1000

_OFFER = Offer("naver", size={word: word for word in ("small", "medium", "large")})


@dataclass(frozen=True)
class Naver:
    """The engine; the hosts are fields so that tests can stand in for them."""

    hub: str = "https://naverapihub.apigw.ntruss.com"
    old: str = "https://openapi.naver.com"
    name: str = "naver"
    canary: str = "고양이"
    official: bool = True
    offer: Offer = _OFFER

    def first(self, query: str, filters: SearchFilters) -> Request:
        """The first hundred photos, the most fitting first."""
        words = self.offer.words(filters)
        parameters: Parameters = {
            "query": query,
            "display": _AT_ONCE,
            "start": 1,
            "sort": "sim",
            "filter": words.get("size", "all"),
        }
        if not credentials.found(_HUB) and (values := credentials.found(_OLD)):
            url, headers = url_of(f"{self.old}/v1/search/image", parameters), _OLD_HEADERS
        else:
            values = credentials.required(self.name, _HUB, _WHERE)
            url, headers = url_of(f"{self.hub}/search/v1/image", parameters), _HUB_HEADERS
        return Request(url, dict(zip(headers, values, strict=True)))

    def read(self, request: Request, answer: Answer) -> Page:
        """The items' links; the API doesn't tell the page, the licence or the author."""
        if answer.status == 401:
            variables = _HUB if _HUB_HEADERS[0] in request.headers else _OLD
            raise credentials.rejected(
                self.name, variables, f"HTTP 401; is image search among the API's rights? {_WHERE}"
            )
        parsing.require_ok(answer)
        found = parsing.object_of(answer)
        total = parsing.whole(found.get("total"))
        if not isinstance(found.get("items"), list) or total is None:
            raise parsing.unreadable(answer, "its JSON has no list of items or no total")
        urls = [parsing.web_url(item.get("link")) for item in parsing.items(found["items"])]
        hits = [Hit(url) for url in urls if url]
        start = number(request.url, "start", 1)
        if not hits and (found["items"] or start <= total):
            raise ChangedError("its items have no links")
        start += _AT_ONCE
        if not hits or start > min(total, _LAST_START):
            return Page(hits)
        return Page(hits, [Request(moved(request.url, {"start": start}), request.headers)])


ENGINE = Naver()
