"""Baidu's result pages. It has no official API, and its robots.txt forbids unknown programs.

Sources for the format (November 2026): searxng's baidu engine and icrawler's parser. The response is JSON with the
invalid escape \\': `data[]`, whose last object is empty, has `replaceUrl[].ObjURL` and `FromURL` in plain text and
`objURL` in a substitution cipher. A newer format has `data.images[].objurl`. A block is reported as `antiFlag`, as a
message that forbids spiders, or as a redirect to wappass.baidu.com; since June 2026 also for visitors without cookies
(searxng's pull request 6314).
"""

from dataclasses import dataclass

from configs.schema import SearchFilters
from tasks.crawl.engines import parsing
from tasks.crawl.engines.engine import BlockedError, FormatChangedError, Hit, Page, Request, Response
from tasks.crawl.engines.filters import SupportedFilters
from tasks.crawl.engines.parsing import JsonObject, Parameters

_PAGE_SIZE = 30
_MAX_RESULTS = 1000
_CIPHER_SIGNS = {"_z2C$q": ":", "_z&e3B": ".", "AzdH3F": "/"}
_CIPHER_LETTERS = str.maketrans("wkv1ju2it3hs4g5rq6fp7eo8dn9cm0bla", "abcdefghijklmnopqrstuvw1234567890")

_SUPPORTED = SupportedFilters(
    "baidu",
    size={"small": "z=1", "medium": "z=2", "large": "z=3", "huge": "z=9"},
    colour={
        "red": "ic=1",
        "yellow": "ic=2",
        "green": "ic=4",
        "teal": "ic=8",
        "blue": "ic=16",
        "purple": "ic=32",
        "pink": "ic=64",
        "orange": "ic=256",
        "black": "ic=512",
        "white": "ic=1024",
        "grey": "ic=2048",
    },
    type={"face": "face=1", "clipart": "st=1", "drawing": "st=2", "animated": "lm=6"},
)


@dataclass(frozen=True)
class Baidu:
    """The engine; `host` is a field, so that tests can point it to a local server."""

    host: str = "https://image.baidu.com"
    name: str = "baidu"
    canary: str = "猫"
    is_api: bool = False
    supported_filters: SupportedFilters = _SUPPORTED

    def build_request(self, query: str, filters: SearchFilters) -> Request:
        """Request the first 30 photos."""
        parameters: Parameters = {
            "tn": "resultjson_com",
            "ipn": "rj",
            "fp": "result",
            "ie": "utf-8",
            "oe": "utf-8",
            "word": query,
            "queryWord": query,
            "pn": 0,
            "rn": _PAGE_SIZE,
        }
        for pair in self.supported_filters.translate(filters).values():
            name, _, value = pair.partition("=")
            parameters[name] = value
        return Request(parsing.build_url(f"{self.host}/search/acjson", parameters))

    def parse(self, request: Request, response: Response) -> Page:
        """Return the original URLs of the photos, not those of Baidu's copies."""
        if "wappass.baidu.com" in response.url or "wappass.baidu.com" in response.headers.get("location", ""):
            raise BlockedError("blocked: captcha required")
        parsing.require_ok(response)
        found = parsing.json_object(response, response.body.decode("utf-8", "replace").replace(r"\'", "'"))
        if found.get("antiFlag") or "orbid spider" in str(found.get("message")):
            raise BlockedError("blocked: Baidu refuses programs (antiFlag)")
        listed = found.get("data")
        if isinstance(listed, dict):
            listed = listed.get("images")
        if not isinstance(listed, list):
            raise parsing.no_photos_error(response, "the JSON has no list `data`")
        entries = [entry for entry in parsing.dicts_in(listed) if entry]
        hits = [hit for entry in entries if (hit := _hit(entry))]
        if not hits and (entries or any(entry for entry in listed if not isinstance(entry, dict))):
            raise FormatChangedError("the entries of `data` have no photo URLs")
        next_start = parsing.int_param(request.url, "pn", 0) + _PAGE_SIZE
        counts = (parsing.parse_count(found.get(name)) for name in ("listNum", "displayNum"))
        available = next((count for count in counts if count), _MAX_RESULTS)
        if not hits or next_start >= min(available, _MAX_RESULTS):
            return Page(hits)
        return Page(hits, [Request(parsing.with_params(request.url, {"pn": next_start}), request.headers)])


def _hit(entry: JsonObject) -> Hit | None:
    plain = parsing.dicts_in(entry.get("replaceUrl"))
    urls = [pair.get("ObjURL") for pair in plain] + [entry.get("objURL"), entry.get("objurl")]
    pages = [pair.get("FromURL") for pair in plain] + [entry.get("fromURL"), entry.get("fromurl")]
    url, page = _first_url(urls), _first_url(pages)
    return None if url is None else Hit(url, page)


def _first_url(values: list[object]) -> str | None:
    return next((url for value in values if (url := parsing.web_url(decipher(value)))), None)


def decipher(url: object) -> object:
    """Decode a URL in Baidu's substitution cipher; return any other value, such as a plain URL, unchanged."""
    if not isinstance(url, str) or ":" in url:  # a URL in the cipher has no colon
        return url
    for cipher, sign in _CIPHER_SIGNS.items():
        url = url.replace(cipher, sign)
    return url.translate(_CIPHER_LETTERS)


ENGINE = Baidu()
