"""Google's result pages. There is no official API for them; its robots.txt and its terms forbid /search to programs.

Sources for the format (November 2026): searxng's google_images engine and similar clients. They send
`asearch=isch&async=_fmt:json,p:1,ijn:PAGE`, unquoted (quoted, the response is a 403), and receive JSON after a prefix
of four characters (against JSON hijacking): `ischj.metadata[]` with `original_image.url`, `result.referrer_url` and
`result.iptc.creator`. Without that parameter, or if Google ignores it, the same data is in the scripts of an HTML page,
as `["URL",HEIGHT,WIDTH]`.

Both formats are parsed. The other clients pretend to be Google's own app; fluke doesn't, so Google may respond with a
page that requires JavaScript, which counts as blocked. The filter values (`tbs`) are those of Google's own search page.
"""

import re
from dataclasses import dataclass
from datetime import date

from configs.schema import SearchFilters
from tasks.crawl.engines import parsing
from tasks.crawl.engines.engine import BlockedError, Hit, Page, Request, Response
from tasks.crawl.engines.filters import SupportedFilters
from tasks.crawl.engines.parsing import Parameters

_MAX_PAGES = 10
_JSON_START = '{"ischj":'
_PAGE_NUMBER = re.compile(r"ijn:(\d{1,3})")
_NO_RESULTS = ("did not match any image results", "did not match any documents", "No results found for")
_IN_SCRIPT = re.compile(r'\["(https?:(?:[^"\\]|\\.){4,2000})",\s*(\d{1,5}),\s*(\d{1,5})\]')
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))")
_SIZE_STEPS = (
    (400, 300, "qsvga"),
    (640, 480, "vga"),
    (800, 600, "svga"),
    (1024, 768, "xga"),
    (1600, 1200, "2mp"),
    (2272, 1704, "4mp"),
    (2816, 2112, "6mp"),
    (3264, 2448, "8mp"),
    (3648, 2736, "10mp"),
    (4096, 3072, "12mp"),
    (4480, 3360, "15mp"),
    (5120, 3840, "20mp"),
    (7216, 5412, "40mp"),
    (9600, 7200, "70mp"),
)
_COLOURS = ("red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "white", "black", "brown")


def _min_size(width: int, height: int) -> str | None:
    """Return the smallest of Google's steps that is at least this large: no found photo is smaller, some are missed."""
    step = next((name for across, down, name in _SIZE_STEPS if across >= width and down >= height), None)
    return None if step is None else f"isz:lt,islt:{step}"


def _date_range(first: date, last: date) -> str:
    return f"cdr:1,cd_min:{first:%m/%d/%Y},cd_max:{last:%m/%d/%Y}"


_SUPPORTED = SupportedFilters(
    "google",
    licence={"open": "il:cl"},
    size={"small": "isz:i", "medium": "isz:m", "large": "isz:l"},
    colour={
        "colour": "ic:color",
        "grey": "ic:gray",
        "transparent": "ic:trans",
        **{colour: f"ic:specific,isc:{colour}" for colour in _COLOURS},
    },
    type={
        "photo": "itp:photo",
        "face": "itp:face",
        "clipart": "itp:clipart",
        "drawing": "itp:lineart",
        "animated": "itp:animated",
    },
    date={"day": "qdr:d", "week": "qdr:w", "month": "qdr:m", "year": "qdr:y"},
    min_size=_min_size,
    date_range=_date_range,
)


@dataclass(frozen=True)
class Google:
    """The engine; `host` is a field, so that tests can point it to a local server."""

    host: str = "https://www.google.com"
    name: str = "google"
    canary: str = "cat"
    is_api: bool = False
    supported_filters: SupportedFilters = _SUPPORTED

    def build_request(self, query: str, filters: SearchFilters) -> Request:
        """Request the first page of about 100 photos, in English, so that the text for "no results" is known."""
        parameters: Parameters = {
            "q": query,
            "tbm": "isch",
            "asearch": "isch",
            "hl": "en",
            "ie": "utf8",
            "oe": "utf8",
            "tbs": ",".join(self.supported_filters.translate(filters).values()),
            "async": _async_value(0),
        }
        return Request(parsing.build_url(f"{self.host}/search", parameters, safe=":,"))

    def parse(self, request: Request, response: Response) -> Page:
        """Return the photos in the JSON, or in the scripts of the HTML."""
        if "/sorry/" in response.url or "//consent." in response.url:
            raise BlockedError("blocked: captcha or consent page")
        parsing.require_ok(response)
        text = response.body.decode("utf-8", "replace")
        at = text.find(_JSON_START)
        hits = _parse_json(response, text[at:]) if at >= 0 else _parse_scripts(text)
        if not hits:
            if at < 0 and not any(phrase in text for phrase in _NO_RESULTS):
                raise parsing.no_photos_error(response, 'the page has neither photos nor the text for "no results"')
            return Page(())
        match = _PAGE_NUMBER.search(parsing.query_params(request.url).get("async", ""))
        page = int(match[1]) + 1 if match else 1
        if page >= _MAX_PAGES:
            return Page(hits)
        return Page(
            hits, [Request(parsing.with_params(request.url, {"async": _async_value(page)}, safe=":,"), request.headers)]
        )


def _async_value(number: int) -> str:
    return f"_fmt:json,p:1,ijn:{number}"


def _parse_json(response: Response, text: str) -> list[Hit]:
    found = parsing.json_object(response, text).get("ischj")
    listed = found.get("metadata", []) if isinstance(found, dict) else None
    hits = []
    for entry in parsing.dicts_in(listed):
        result = parsing.as_dict(entry.get("result"))
        if url := parsing.web_url(parsing.as_dict(entry.get("original_image")).get("url")):
            creators = parsing.as_dict(result.get("iptc")).get("creator")
            names = [name for name in map(parsing.clean_text, creators if isinstance(creators, list) else []) if name]
            hits.append(Hit(url, parsing.web_url(result.get("referrer_url")), None, ", ".join(names) or None))
    if (listed or not isinstance(listed, list)) and not hits:
        raise parsing.no_photos_error(response, "the results have no `original_image`")
    return hits


def _parse_scripts(text: str) -> list[Hit]:
    """Return the photo of each array, once; thumbnails are on Google's own hosts and left out."""
    urls = (parsing.web_url(_unescape(match[1])) for match in _IN_SCRIPT.finditer(text))
    return [Hit(url) for url in dict.fromkeys(urls) if url and ".gstatic.com/" not in url]


def _unescape(text: str) -> str:
    """Decode the escapes of a JavaScript string; a character beyond 16 bits is two escapes."""
    found = _ESCAPE.sub(lambda match: match[3] or chr(int(match[1] or match[2], 16)), text)
    return found.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


ENGINE = Google()
