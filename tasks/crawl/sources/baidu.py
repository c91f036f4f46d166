"""Baidu's image results. No official API; its robots.txt forbids programs that it doesn't know.

Where the format was learnt (November 2026): searxng's baidu engine and icrawler's parser. JSON, with the invalid
escape \\' in it: `data[]`, whose last object is empty, with `replaceUrl[].ObjURL` and `FromURL` in the clear and
`objURL` in a substitution cipher; newer answers have `data.images[].objurl`. `antiFlag`, or a message that forbids
spiders, says that it has had enough (since June 2026 also of visitors without its cookies, says searxng's pull
request 6314), and so does a redirect to wappass.baidu.com.
"""

from dataclasses import dataclass

from configs.schema import SearchFilters
from tasks.crawl.engines import parsing
from tasks.crawl.engines.engine import Answer, ChangedError, Hit, Page, RefusedError, Request
from tasks.crawl.engines.filters import Offer
from tasks.crawl.engines.queries import Parameters, moved, number, url_of

_AT_ONCE = 30
_MOST = 1000
_SIGNS = {"_z2C$q": ":", "_z&e3B": ".", "AzdH3F": "/"}
_LETTERS = str.maketrans("wkv1ju2it3hs4g5rq6fp7eo8dn9cm0bla", "abcdefghijklmnopqrstuvw1234567890")

_OFFER = Offer(
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
    """The engine; the host is a field so that tests can stand in for it."""

    host: str = "https://image.baidu.com"
    name: str = "baidu"
    canary: str = "猫"
    official: bool = False
    offer: Offer = _OFFER

    def first(self, query: str, filters: SearchFilters) -> Request:
        """The first thirty photos."""
        parameters: Parameters = {
            "tn": "resultjson_com",
            "ipn": "rj",
            "fp": "result",
            "ie": "utf-8",
            "oe": "utf-8",
            "word": query,
            "queryWord": query,
            "pn": 0,
            "rn": _AT_ONCE,
        }
        parameters |= {name: value for name, _, value in (w.partition("=") for w in self.offer.words(filters).values())}
        return Request(url_of(f"{self.host}/search/acjson", parameters))

    def read(self, request: Request, answer: Answer) -> Page:
        """The photos' own addresses, not those of Baidu's copies."""
        if "wappass.baidu.com" in answer.url or "wappass.baidu.com" in answer.headers.get("location", ""):
            raise RefusedError("it wants to see a human (captcha)")
        parsing.require_ok(answer)
        found = parsing.object_of(answer, answer.body.decode("utf-8", "replace").replace(r"\'", "'"))
        if found.get("antiFlag") or "orbid spider" in str(found.get("message")):
            raise RefusedError("it takes us for a program (antiFlag)")
        listed = found.get("data")
        if isinstance(listed, dict):
            listed = listed.get("images")
        if not isinstance(listed, list):
            raise parsing.unreadable(answer, "its JSON has no list of data")
        entries = [entry for entry in parsing.items(listed) if entry]
        hits = [hit for entry in entries if (hit := _hit(entry))]
        if not hits and (entries or any(entry for entry in listed if not isinstance(entry, dict))):
            raise ChangedError("its data have no addresses of photos")
        following = number(request.url, "pn", 0) + _AT_ONCE
        available = parsing.whole(found.get("listNum")) or parsing.whole(found.get("displayNum")) or _MOST
        if not hits or following >= min(available, _MOST):
            return Page(hits)
        return Page(hits, [Request(moved(request.url, {"pn": following}), request.headers)])


def _hit(entry: parsing.Item) -> Hit | None:
    clear = [parsing.item(pair) for pair in parsing.items(entry.get("replaceUrl"))]
    urls = [pair.get("ObjURL") for pair in clear] + [entry.get("objURL"), entry.get("objurl")]
    pages = [pair.get("FromURL") for pair in clear] + [entry.get("fromURL"), entry.get("fromurl")]
    url = next((found for url in urls if (found := parsing.web_url(_clear(url)))), None)
    page = next((found for page in pages if (found := parsing.web_url(_clear(page)))), None)
    return None if url is None else Hit(url, page)


def _clear(url: object) -> object:
    """A URL out of its cipher, which leaves no `:` in it; one in the clear as it is."""
    if not isinstance(url, str) or ":" in url:
        return url
    for cipher, sign in _SIGNS.items():
        url = url.replace(cipher, sign)
    return url.translate(_LETTERS)


ENGINE = Baidu()
