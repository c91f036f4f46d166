"""Wikimedia Commons: freely licensed media files. No key needed.

Documentation of the format (read in November 2026): commons.wikimedia.org/w/api.php?action=help&modules=query
(generator=search, prop=imageinfo, continue), and mediawiki.org/wiki/Help:CirrusSearch for the search keywords: filew:
and fileh: include the number given, haslicense: has the groups of Special:MediaSearch. A search ends at 10,000 results.
The Wikimedia Foundation requires a contact in the User-Agent header: set `crawl.contact`. Its limits of requests
(wikitech.wikimedia.org/wiki/Robot_policy) are in `tasks/crawl/http/host_limits.py`, because they apply to the photos
too, whoever found them. Since 2026, the photos' URLs have parameters such as utm_source.
"""

from dataclasses import dataclass

from configs.schema import SearchFilters
from tasks.crawl.engines import licences, parsing
from tasks.crawl.engines.engine import BlockedError, FormatChangedError, Hit, Page, Request, Response
from tasks.crawl.engines.filters import SupportedFilters
from tasks.crawl.engines.parsing import JsonObject, Parameters

_PAGE_SIZE = 50
_MAX_RESULTS = 10_000
_MAX_LAG_S = 5
"""The value that mediawiki.org/wiki/Manual:Maxlag_parameter recommends to programs that can wait."""
_BUSY = ("ratelimited", "maxlag", "readonly", "blocked", "internal_api_error", "search-error", "toomanyrequests")
_IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/tiff")

_NO_FILTER = ""  # every file on Commons may be sold and modified
_SUPPORTED = SupportedFilters(
    "commons",
    licence={
        **dict.fromkeys(("open", "commercial", "modify"), _NO_FILTER),
        "by": "haslicense:attribution",
        "by-sa": "haslicense:attribution-same-license",
        "pdm": "haslicense:unrestricted",
    },
    size={"small": "fileres:<500", "medium": "fileres:500,1000", "large": "fileres:>1000"},
    min_size=lambda width, height: f"filew:>{width} fileh:>{height}",
)


@dataclass(frozen=True)
class Commons:
    """The engine; `host` is a field, so that tests can point it to a local server."""

    host: str = "https://commons.wikimedia.org"
    name: str = "commons"
    canary: str = "cat"
    is_api: bool = True
    supported_filters: SupportedFilters = _SUPPORTED

    def build_request(self, query: str, filters: SearchFilters) -> Request:
        """Request the first 50 photos."""
        keywords = " ".join(value for value in self.supported_filters.translate(filters).values() if value)
        parameters: Parameters = {
            "action": "query",
            "format": "json",
            "formatversion": 2,
            "maxlag": _MAX_LAG_S,
            "generator": "search",
            "gsrsearch": f"{query} filetype:bitmap {keywords}".strip(),
            "gsrnamespace": 6,
            "gsrlimit": _PAGE_SIZE,
            "prop": "imageinfo",
            "iiprop": "url|size|mime|extmetadata",
            "iiextmetadatafilter": "LicenseShortName|License|Artist",
            "iiextmetadatalanguage": "en",
        }
        return Request(parsing.build_url(f"{self.host}/w/api.php", parameters))

    def parse(self, request: Request, response: Response) -> Page:
        """Return the files in the order of the search, with licence and author."""
        parsing.require_ok(response)
        found = parsing.json_object(response)
        if error := parsing.as_dict(found.get("error")):
            raise _error(error, parsing.parse_count(response.headers.get("retry-after", "")))
        query = parsing.as_dict(found.get("query"))
        pages = sorted(
            parsing.dicts_in(query.get("pages")), key=lambda page: parsing.parse_count(page.get("index")) or 0
        )
        continuation = parsing.as_dict(found.get("continue"))
        if not pages and not continuation and not ("batchcomplete" in found and "query" not in found):
            raise parsing.no_photos_error(response, "the JSON has neither `pages` nor `batchcomplete`")
        hits = [hit for page in pages if (hit := _hit(page))]
        if pages and not continuation and not any("imageinfo" in page for page in pages):
            raise FormatChangedError("the pages have no `imageinfo`")
        return Page(hits, self._next(request, continuation))

    def _next(self, request: Request, continuation: JsonObject) -> list[Request]:
        """Return the request for the rest of this batch, or for the next batch, as the API's `continue` says."""
        if not continuation or (parsing.parse_count(continuation.get("gsroffset")) or 0) >= _MAX_RESULTS:
            return []
        before = parsing.query_params(request.url)
        kept = {name: value for name, value in before.items() if name not in ("continue", "gsroffset", "iicontinue")}
        changes = {name: str(value) for name, value in continuation.items() if isinstance(value, str | int)}
        parameters = {**kept, **changes}
        return [] if parameters == before else [Request(parsing.build_url(f"{self.host}/w/api.php", parameters))]


def _hit(page: JsonObject) -> Hit | None:
    info = next(iter(parsing.dicts_in(page.get("imageinfo"))), {})
    url = parsing.web_url(info.get("url"))
    if url is None or info.get("mime") not in _IMAGE_TYPES:
        return None
    about = parsing.as_dict(info.get("extmetadata"))
    size = parsing.parse_size(info.get("width"), info.get("height"))
    licence, author = (
        parsing.strip_html(parsing.as_dict(about.get(name)).get("value")) for name in ("LicenseShortName", "Artist")
    )
    shown = parsing.web_url(info.get("descriptionurl"))
    return Hit(_untracked(url), shown, licences.normalize(licence), author, size)


def _untracked(url: str) -> str:
    """Remove the parameters that tell Wikimedia where a link was found, so that a photo has one URL."""
    bare, _, query = url.partition("?")
    kept = [pair for pair in query.split("&") if pair and not pair.lower().startswith("utm_")]
    return f"{bare}?{'&'.join(kept)}" if kept else bare


def _error(error: JsonObject, retry_after_s: int | None) -> FormatChangedError | BlockedError:
    code = str(parsing.clean_text(error.get("code")))
    message = f"{code}: {parsing.error_text(error.get('info'))}"
    if code == "maxlag":  # with status 200 (Wikimedia's task T33156), so the HTTP client doesn't retry it
        return BlockedError(message, retry_after_s=retry_after_s or _MAX_LAG_S)
    return BlockedError(message) if code.startswith(_BUSY) else FormatChangedError(message)


ENGINE = Commons()
