"""Google's image results. No official API for this exists: its robots.txt forbids /search, and so do its terms.

Where the format was learnt (November 2026): searxng's google_images engine and others that do the same ask with
`asearch=isch&async=_fmt:json,p:1,ijn:PAGE`, unquoted (quoted it is a 403), and get JSON after four characters against
hijacking: `ischj.metadata[]` with `original_image.url`, `result.referrer_url` and `result.iptc.creator`. Without that
parameter, or if Google ignores it, the same data is in scripts of an HTML page, as `["URL",HEIGHT,WIDTH]`.

Both are read. Those others pretend to be Google's own app; we don't, so Google may well answer with a page that needs
JavaScript, which counts as a refusal here. The filters (`tbs`) are those of its own search page.
"""

import re
from dataclasses import dataclass
from datetime import date

from configs.schema import SearchFilters
from tasks.crawl.engines import parsing
from tasks.crawl.engines.engine import Answer, Hit, Page, RefusedError, Request
from tasks.crawl.engines.filters import Offer
from tasks.crawl.engines.queries import Parameters, moved, parameters_of, url_of

_PAGES = 10
_START = '{"ischj":'
_NUMBER = re.compile(r"ijn:(\d{1,3})")
_NONE = ("did not match any image results", "did not match any documents", "No results found for")
_IN_SCRIPT = re.compile(r'\["(https?:(?:[^"\\]|\\.){4,2000})",\s*(\d{1,5}),\s*(\d{1,5})\]')
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))")
_STEPS = (
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


def _least(width: int, height: int) -> str | None:
    """Its smallest step that is as large: what it brings is then as large as was asked, if not all that is."""
    step = next((name for across, down, name in _STEPS if across >= width and down >= height), None)
    return None if step is None else f"isz:lt,islt:{step}"


def _between(first: date, last: date) -> str:
    return f"cdr:1,cd_min:{first:%m/%d/%Y},cd_max:{last:%m/%d/%Y}"


_OFFER = Offer(
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
    least=_least,
    between=_between,
)


@dataclass(frozen=True)
class Google:
    """The engine; the host is a field so that tests can stand in for it."""

    host: str = "https://www.google.com"
    name: str = "google"
    canary: str = "cat"
    official: bool = False
    offer: Offer = _OFFER

    def first(self, query: str, filters: SearchFilters) -> Request:
        """The first page of about a hundred photos, with words in English so that we know them."""
        parameters: Parameters = {
            "q": query,
            "tbm": "isch",
            "asearch": "isch",
            "hl": "en",
            "ie": "utf8",
            "oe": "utf8",
            "tbs": ",".join(self.offer.words(filters).values()),
            "async": _page(0),
        }
        return Request(url_of(f"{self.host}/search", parameters, safe=":,"))

    def read(self, request: Request, answer: Answer) -> Page:
        """The photos of the JSON, or of the HTML's scripts."""
        if "/sorry/" in answer.url or "//consent." in answer.url:
            raise RefusedError("it wants to see a human (captcha or consent)")
        parsing.require_ok(answer)
        text = answer.body.decode("utf-8", "replace")
        at = text.find(_START)
        hits = _of_json(answer, text[at:]) if at >= 0 else _of_scripts(text)
        if not hits:
            if at < 0 and not any(words in text for words in _NONE):
                raise parsing.unreadable(answer, "it has neither photos nor its words for no results")
            return Page(())
        asked = _NUMBER.search(parameters_of(request.url).get("async", ""))
        page = int(asked[1]) + 1 if asked else 1
        if page >= _PAGES:
            return Page(hits)
        return Page(hits, [Request(moved(request.url, {"async": _page(page)}, safe=":,"), request.headers)])


def _page(number: int) -> str:
    return f"_fmt:json,p:1,ijn:{number}"


def _of_json(answer: Answer, text: str) -> list[Hit]:
    found = parsing.object_of(answer, text).get("ischj")
    listed = found.get("metadata", []) if isinstance(found, dict) else None
    hits = []
    for entry in parsing.items(listed):
        result = parsing.item(entry.get("result"))
        if url := parsing.web_url(parsing.item(entry.get("original_image")).get("url")):
            creators = parsing.item(result.get("iptc")).get("creator")
            names = [name for name in map(parsing.words, creators if isinstance(creators, list) else []) if name]
            hits.append(Hit(url, parsing.web_url(result.get("referrer_url")), None, ", ".join(names) or None))
    if (listed or not isinstance(listed, list)) and not hits:
        raise parsing.unreadable(answer, "its results have no original photos")
    return hits


def _of_scripts(text: str) -> list[Hit]:
    """Each photo's array, once; the arrays of thumbnails are on Google's own hosts."""
    urls = (parsing.web_url(_unescaped(match[1])) for match in _IN_SCRIPT.finditer(text))
    return [Hit(url) for url in dict.fromkeys(urls) if url and ".gstatic.com/" not in url]


def _unescaped(text: str) -> str:
    """A JavaScript string without its escapes; what is beyond 16 bits is two of them."""
    found = _ESCAPE.sub(lambda match: match[3] or chr(int(match[1] or match[2], 16)), text)
    return found.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


ENGINE = Google()
