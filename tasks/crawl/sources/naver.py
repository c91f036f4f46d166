"""Naver's official image search API.

Documentation of the format (read in November 2026): api.ncloud-docs.com/docs/en/naver-api-hub-search-image for NAVER
API HUB, developers.naver.com/docs/serviceapi/search/image for the Developers Center. Parameters and responses are the
same; host, path and headers differ.

Both are supported: the Developers Center has issued no keys since 2026-07-31, but its existing keys work until
2027-06-30. If both keys are set, the HUB's is used.

    NAVER_API_HUB_CLIENT_ID, NAVER_API_HUB_CLIENT_SECRET   NAVER Cloud Platform console, NAVER API HUB, Application
    NAVER_CLIENT_ID, NAVER_CLIENT_SECRET                   the Developers Center, until 2027-06-30
"""

from dataclasses import dataclass

from configs.schema import SearchFilters
from tasks.crawl.engines import parsing
from tasks.crawl.engines.engine import (
    FormatChangedError,
    Hit,
    Page,
    Request,
    Response,
    find_credentials,
    rejected_credentials,
    require_credentials,
)
from tasks.crawl.engines.filters import SupportedFilters
from tasks.crawl.engines.parsing import Parameters

_HUB = ("NAVER_API_HUB_CLIENT_ID", "NAVER_API_HUB_CLIENT_SECRET")
_HUB_HEADERS = ("X-NCP-APIGW-API-KEY-ID", "X-NCP-APIGW-API-KEY")
_OLD = ("NAVER_CLIENT_ID", "NAVER_CLIENT_SECRET")
VARIABLES = (*_HUB, *_OLD)
_OLD_HEADERS = ("X-Naver-Client-Id", "X-Naver-Client-Secret")
_WEBSITE = "console.ncloud.com (NAVER API HUB; the Developers Center issues no new keys)"

_PAGE_SIZE = 100
_MAX_START = 1000

_SUPPORTED = SupportedFilters("naver", size={size: size for size in ("small", "medium", "large")})


@dataclass(frozen=True)
class Naver:
    """The engine; the hosts are fields, so that tests can point them to a local server."""

    hub: str = "https://naverapihub.apigw.ntruss.com"
    old: str = "https://openapi.naver.com"
    name: str = "naver"
    canary: str = "고양이"
    is_api: bool = True
    supported_filters: SupportedFilters = _SUPPORTED

    def build_request(self, query: str, filters: SearchFilters) -> Request:
        """Request the first 100 photos, by relevance."""
        values = self.supported_filters.translate(filters)
        parameters: Parameters = {
            "query": query,
            "display": _PAGE_SIZE,
            "start": 1,
            "sort": "sim",
            "filter": values.get("size", "all"),
        }
        if not find_credentials(_HUB) and (keys := find_credentials(_OLD)):
            url, headers = parsing.build_url(f"{self.old}/v1/search/image", parameters), _OLD_HEADERS
        else:
            keys = require_credentials(self.name, _HUB, _WEBSITE)
            url, headers = parsing.build_url(f"{self.hub}/search/v1/image", parameters), _HUB_HEADERS
        return Request(url, dict(zip(headers, keys, strict=True)))

    def parse(self, request: Request, response: Response) -> Page:
        """Return the photos' URLs and sizes; the API has no page, licence or author."""
        if response.status == 401:
            variables = _HUB if _HUB_HEADERS[0] in request.headers else _OLD
            raise rejected_credentials(
                self.name, variables, f"HTTP 401; check that the key is registered for image search: {_WEBSITE}"
            )
        parsing.require_ok(response)
        found = parsing.json_object(response)
        total = parsing.parse_count(found.get("total"))
        if not isinstance(found.get("items"), list) or total is None:
            raise parsing.no_photos_error(response, "the JSON has no list `items` or no `total`")
        hits = [
            Hit(url, size_px=parsing.parse_size(entry.get("sizewidth"), entry.get("sizeheight")))
            for entry in parsing.dicts_in(found["items"])
            if (url := parsing.web_url(entry.get("link")))
        ]
        start = parsing.int_param(request.url, "start", 1)
        if not hits and (found["items"] or start <= total):
            raise FormatChangedError("the items have no links")
        start += _PAGE_SIZE
        if not hits or start > min(total, _MAX_START):
            return Page(hits)
        return Page(hits, [Request(parsing.with_params(request.url, {"start": start}), request.headers)])


ENGINE = Naver()
