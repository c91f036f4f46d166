"""Baidu's result pages. It has no official API, and its robots.txt forbids unknown programs.

Sources for the format (November 2026): searxng's baidu engine, icrawler's parser, and responses that public
repositories recorded (2017 to 2022; one is in the tests of BaiduImagesDownload). The response is JSON with the invalid
escape \\': `data[]`, whose last object is empty. `objURL`, mostly in a substitution cipher, is the original photo, and
`width` and `height` its size; since 2021 it is a link to gimg2.baidu.com that contains the original's URL.
`replaceUrl[0].ObjURL` is Baidu's own copy (img0.imgtn.bdimg.com/it/u=...) in every recording; `replaceUrl[1].ObjURL`,
if there is one, is an original at another site. A newer format has `data.images[].objurl`. A block is reported as
`antiFlag`, as a message that forbids spiders, or as a redirect to wappass.baidu.com; since June 2026 also for visitors
without cookies (searxng's pull request 6314).
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from configs.schema import SearchFilters
from tasks.crawl.engines import parsing
from tasks.crawl.engines.engine import BlockedError, FormatChangedError, Hit, Page, Request, Response
from tasks.crawl.engines.filters import SupportedFilters
from tasks.crawl.engines.parsing import JsonObject, Parameters

_PAGE_SIZE = 30
_MAX_RESULTS = 1000
_CIPHER_SIGNS = {"_z2C$q": ":", "_z&e3B": ".", "AzdH3F": "/"}
_CIPHER_LETTERS = str.maketrans("wkv1ju2it3hs4g5rq6fp7eo8dn9cm0bla", "abcdefghijklmnopqrstuvw1234567890")
_COPY = re.compile(r"https?://[\w.-]+\.(?:bdimg|bdstatic|baidu)\.com/(?:[\w-]+/)?it/u=")
"""Baidu's own copy of a photo, shrunk to at most some 500 pixels a side."""
_WRAPPED = re.compile(r"https?://(?:gimg|timg)\w*\.baidu\.com/.*?[/?&]src=(https?(?:%3A|:)[^&]+)", re.IGNORECASE)
"""A link to a service of Baidu that shrinks the original, whose URL it contains."""

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
        """Return the original URLs of the photos; Baidu's copy only of those that have no other URL."""
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
    size = parsing.parse_size(entry.get("width"), entry.get("height"))
    found = []
    for photo, page in (("objURL", "fromURL"), ("objurl", "fromurl")):
        if url := _original(entry.get(photo)):
            found.append(Hit(url, _url(entry.get(page)), size_px=size))
    for other in parsing.dicts_in(entry.get("replaceUrl")):
        if url := _original(other.get("ObjURL")):
            found.append(Hit(url, _url(other.get("FromURL"))))
    return min(found, key=lambda hit: bool(_COPY.match(hit.url)), default=None)


def _url(value: object) -> str | None:
    return parsing.web_url(decipher(value))


def _original(value: object) -> str | None:
    """Return the URL of a photo: the original's, if the URL is a link to Baidu's service that contains it."""
    url = _url(value)
    if url and (wrapped := _WRAPPED.match(url)):
        return parsing.web_url(unquote(wrapped[1])) or url
    return url


def decipher(url: object) -> object:
    """Decode a URL in Baidu's substitution cipher; return any other value, such as a plain URL, unchanged."""
    if not isinstance(url, str) or ":" in url:  # a URL in the cipher has no colon
        return url
    for cipher, sign in _CIPHER_SIGNS.items():
        url = url.replace(cipher, sign)
    return url.translate(_CIPHER_LETTERS)


ENGINE = Baidu()
