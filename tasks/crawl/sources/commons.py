"""Wikimedia Commons: all of it freely licensed. No key.

Where the format is documented (looked up in November 2026): commons.wikimedia.org/w/api.php?action=help&modules=query
(generator=search, prop=imageinfo, continue) and mediawiki.org/wiki/Help:CirrusSearch for the words in a query, whose
filew: and fileh: include the number that they name; haslicense: has the groups of Special:MediaSearch. Searches end at
10,000 results. The foundation asks for a User-Agent with a contact: set `crawl.contact`.
"""

from dataclasses import dataclass

from configs.schema import SearchFilters
from tasks.crawl.engines import licences, parsing
from tasks.crawl.engines.engine import Answer, ChangedError, Hit, Page, RefusedError, Request
from tasks.crawl.engines.filters import Offer
from tasks.crawl.engines.queries import Parameters, parameters_of, url_of

_AT_ONCE = 50
_MOST = 10_000
_BUSY = ("ratelimited", "maxlag", "readonly", "blocked", "internal_api_error", "search-error", "toomanyrequests")
_PICTURES = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/tiff")

_FREE = ""  # nothing is on Commons that may not be sold and changed
_OFFER = Offer(
    "commons",
    licence={
        **dict.fromkeys(("open", "commercial", "modify"), _FREE),
        "by": "haslicense:attribution",
        "by-sa": "haslicense:attribution-same-license",
        "pdm": "haslicense:unrestricted",
    },
    size={"small": "fileres:<500", "medium": "fileres:500,1000", "large": "fileres:>1000"},
    least=lambda width, height: f"filew:>{width} fileh:>{height}",
)


@dataclass(frozen=True)
class Commons:
    """The engine; the host is a field so that tests can stand in for it."""

    host: str = "https://commons.wikimedia.org"
    name: str = "commons"
    canary: str = "cat"
    official: bool = True
    offer: Offer = _OFFER

    def first(self, query: str, filters: SearchFilters) -> Request:
        """The first fifty photos."""
        words = " ".join(word for word in self.offer.words(filters).values() if word)
        parameters: Parameters = {
            "action": "query",
            "format": "json",
            "formatversion": 2,
            "generator": "search",
            "gsrsearch": f"{query} filetype:bitmap {words}".strip(),
            "gsrnamespace": 6,
            "gsrlimit": _AT_ONCE,
            "prop": "imageinfo",
            "iiprop": "url|size|mime|extmetadata",
            "iiextmetadatafilter": "LicenseShortName|License|Artist",
            "iiextmetadatalanguage": "en",
        }
        return Request(url_of(f"{self.host}/w/api.php", parameters))

    def read(self, request: Request, answer: Answer) -> Page:
        """The files in the order of the search, with licence and author."""
        parsing.require_ok(answer)
        found = parsing.object_of(answer)
        if error := parsing.item(found.get("error")):
            raise _error(error)
        query = parsing.item(found.get("query"))
        pages = sorted(parsing.items(query.get("pages")), key=lambda page: parsing.whole(page.get("index")) or 0)
        more = parsing.item(found.get("continue"))
        if not pages and not more and not ("batchcomplete" in found and "query" not in found):
            raise parsing.unreadable(answer, "its JSON has neither pages nor its sign of the end")
        hits = [hit for page in pages if (hit := _hit(page))]
        if pages and not more and not any("imageinfo" in page for page in pages):
            raise ChangedError("its pages tell nothing of their files")
        return Page(hits, self._next(request, more))

    def _next(self, request: Request, more: parsing.Item) -> list[Request]:
        """Its own continuation, which is either the rest of these pages or further ones."""
        if not more or (parsing.whole(more.get("gsroffset")) or 0) >= _MOST:
            return []
        before = parameters_of(request.url)
        kept = {name: value for name, value in before.items() if name not in ("continue", "gsroffset", "iicontinue")}
        changes = {name: str(value) for name, value in more.items() if isinstance(value, str | int)}
        url = url_of(f"{self.host}/w/api.php", {**kept, **changes})
        return [] if {**kept, **changes} == before else [Request(url)]


def _hit(page: parsing.Item) -> Hit | None:
    info = next(iter(parsing.items(page.get("imageinfo"))), {})
    url = parsing.web_url(info.get("url"))
    if url is None or info.get("mime") not in _PICTURES:
        return None
    about = parsing.item(info.get("extmetadata"))
    licence, author = (
        parsing.plain(parsing.item(about.get(name)).get("value")) for name in ("LicenseShortName", "Artist")
    )
    return Hit(url, parsing.web_url(info.get("descriptionurl")), licences.short(licence), author)


def _error(error: parsing.Item) -> ChangedError | RefusedError:
    code = str(parsing.words(error.get("code")))
    said = (parsing.words(error.get("info")) or "no reason given")[:120]
    return RefusedError(f"{code}: {said}") if code.startswith(_BUSY) else ChangedError(f"{code}: {said}")


ENGINE = Commons()
