"""Openverse: some 800 million openly licensed pictures of Flickr, museums and many others. No key.

Where the format is documented (looked up in November 2026): api.openverse.org/v1/ (image_search), and the serializers
and settings of github.com/WordPress/openverse, from which the limits of anonymous requests are: 20 photos a page, no
more than 240 photos of a query (its issue 4474), and by default 5 requests an hour and 100 a day.
"""

from dataclasses import dataclass

from configs.schema import SearchFilters
from tasks.crawl.engines import licences, parsing
from tasks.crawl.engines.engine import Answer, ChangedError, Hit, Page, RefusedError, Request
from tasks.crawl.engines.filters import Offer
from tasks.crawl.engines.queries import Parameters, moved, number, url_of

_AT_ONCE = 20
_MOST = 240
_LICENCES = ("cc0", "pdm", "by", "by-sa", "by-nc", "by-nd", "by-nc-sa", "by-nc-nd")

_OFFER = Offer(
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
    """The engine; the host is a field so that tests can stand in for it."""

    host: str = "https://api.openverse.org"
    name: str = "openverse"
    canary: str = "cat"
    official: bool = True
    offer: Offer = _OFFER

    def first(self, query: str, filters: SearchFilters) -> Request:
        """The first twenty photos."""
        words = self.offer.words(filters)
        parameters: Parameters = {"q": query, "page": 1, "page_size": _AT_ONCE}
        parameters |= {"size": words.get("size", ""), "category": words.get("type", "")}
        if "licence" in words:
            name, _, value = words["licence"].partition("=")
            parameters[name] = value
        return Request(url_of(f"{self.host}/v1/images/", parameters))

    def read(self, request: Request, answer: Answer) -> Page:
        """The results, with licence and author."""
        if answer.status == 401:
            raise RefusedError(f"HTTP 401: it allows anonymous requests less than it did ({_detail(answer)})")
        parsing.require_ok(answer)
        found = parsing.object_of(answer)
        total = parsing.whole(found.get("result_count"))
        if not isinstance(found.get("results"), list) or total is None:
            raise parsing.unreadable(answer, "its JSON has no list of results or no count")
        hits = [hit for result in parsing.items(found["results"]) if (hit := _hit(result))]
        page = number(request.url, "page", 1)
        # A later page may well be empty: dead links are taken out.
        if not hits and (found["results"] or (total and page == 1)):
            raise ChangedError("its results have no URLs")
        pages = parsing.whole(found.get("page_count")) or 0
        if not hits or page >= min(pages, _MOST // _AT_ONCE):
            return Page(hits)
        return Page(hits, [Request(moved(request.url, {"page": page + 1}))])


def _hit(result: parsing.Item) -> Hit | None:
    url = parsing.web_url(result.get("url"))
    if url is None:
        return None
    code = parsing.words(result.get("license"))
    version = parsing.words(result.get("license_version"))
    licence = licences.short(f"CC {code} {version}" if code and version and code.startswith("by") else code)
    page = parsing.web_url(result.get("foreign_landing_url"))
    return Hit(url, page, licence, parsing.words(result.get("creator")))


def _detail(answer: Answer) -> str:
    try:
        return (parsing.words(parsing.object_of(answer).get("detail")) or "no reason given")[:120]
    except (ChangedError, RefusedError):
        return "no reason given"


ENGINE = Openverse()
