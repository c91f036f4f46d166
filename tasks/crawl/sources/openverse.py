"""Openverse: about 800 million openly licensed images from Flickr, museums and other collections. No key needed.

Documentation of the format (read in November 2026): api.openverse.org/v1/ (image_search), and the serializers and
settings in github.com/WordPress/openverse. Limits of anonymous requests, from the same code: 20 photos per page, 240
photos per query (its issue 4474), and by default 5 requests per hour and 100 per day.
"""

from dataclasses import dataclass

from configs.schema import SearchFilters
from tasks.crawl.engines import licences, parsing
from tasks.crawl.engines.engine import BlockedError, FormatChangedError, Hit, Page, Request, Response
from tasks.crawl.engines.filters import SupportedFilters
from tasks.crawl.engines.parsing import JsonObject, Parameters

_PAGE_SIZE = 20
_MAX_RESULTS = 240
_LICENCES = ("cc0", "pdm", "by", "by-sa", "by-nc", "by-nd", "by-nc-sa", "by-nc-nd")

_SUPPORTED = SupportedFilters(
    "openverse",
    licence={
        "open": "license_type=all",
        "commercial": "license_type=commercial",
        "modify": "license_type=modification",
        **{code: f"license={code}" for code in _LICENCES},
    },
    size={word: word for word in ("small", "medium", "large")},
    type={"photo": "photograph", "drawing": "illustration"},
)


@dataclass(frozen=True)
class Openverse:
    """The engine; `host` is a field, so that tests can point it to a local server."""

    host: str = "https://api.openverse.org"
    name: str = "openverse"
    canary: str = "cat"
    is_api: bool = True
    supported_filters: SupportedFilters = _SUPPORTED

    def build_request(self, query: str, filters: SearchFilters) -> Request:
        """Request the first 20 photos."""
        values = self.supported_filters.translate(filters)
        parameters: Parameters = {"q": query, "page": 1, "page_size": _PAGE_SIZE}
        parameters |= {"size": values.get("size", ""), "category": values.get("type", "")}
        if "licence" in values:
            name, _, value = values["licence"].partition("=")
            parameters[name] = value
        return Request(parsing.build_url(f"{self.host}/v1/images/", parameters))

    def parse(self, request: Request, response: Response) -> Page:
        """Return the results, with licence and author."""
        if response.status == 401:
            raise BlockedError(f"HTTP 401: the limits of anonymous requests have changed ({_detail(response)})")
        parsing.require_ok(response)
        found = parsing.json_object(response)
        total = parsing.parse_count(found.get("result_count"))
        if not isinstance(found.get("results"), list) or total is None:
            raise parsing.no_photos_error(response, "the JSON has no list `results` or no `result_count`")
        hits = [hit for result in parsing.dicts_in(found["results"]) if (hit := _hit(result))]
        page = parsing.int_param(request.url, "page", 1)
        # A later page may be empty, because Openverse removes dead links.
        if not hits and (found["results"] or (total and page == 1)):
            raise FormatChangedError("the results have no URLs")
        pages = parsing.parse_count(found.get("page_count")) or 0
        if not hits or page >= min(pages, _MAX_RESULTS // _PAGE_SIZE):
            return Page(hits)
        return Page(hits, [Request(parsing.with_params(request.url, {"page": page + 1}))])


def _hit(result: JsonObject) -> Hit | None:
    url = parsing.web_url(result.get("url"))
    if url is None:
        return None
    code = parsing.clean_text(result.get("license"))
    version = parsing.clean_text(result.get("license_version"))
    licence = licences.normalize(f"CC {code} {version}" if code and version and code.startswith("by") else code)
    page = parsing.web_url(result.get("foreign_landing_url"))
    return Hit(url, page, licence, parsing.clean_text(result.get("creator")))


def _detail(response: Response) -> str:
    try:
        return parsing.error_text(parsing.json_object(response).get("detail"))
    except (FormatChangedError, BlockedError):
        return parsing.error_text(None)


ENGINE = Openverse()
