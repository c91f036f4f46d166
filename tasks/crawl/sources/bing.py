"""Bing's image results. Its search API was shut down in August 2025.

Where the format was learnt (November 2026): searxng's bing_images engine and icrawler's parser. The page's list is made
of links `a.iusc` whose attribute `m` is JSON: `murl` is the photo, `purl` the page that shows it, `turl` Bing's own
thumbnail. The filters (`qft`) are those of its own search page. Past some 1,000 photos it repeats itself.
"""

from dataclasses import dataclass
from typing import Any

from configs.schema import SearchFilters
from tasks.crawl.engines import parsing
from tasks.crawl.engines.engine import Answer, ChangedError, Hit, Page, RefusedError, Request
from tasks.crawl.engines.filters import Offer
from tasks.crawl.engines.queries import Parameters, moved, number, url_of

_AT_ONCE = 35
_MOST = 1000
_NONE = (b"There are no results for", b"No results found for", b'id="no_results"', b'class="no_results"')
_COLOURS = ("red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "white", "black", "brown")

_OFFER = Offer(
    "bing",
    licence={
        "open": "licenseType-Any",
        "commercial": "license-L2_L3_L4",
        "modify": "license-L2_L3_L5_L6",
        "pdm": "license-L1",
    },
    size={
        "small": "imagesize-small",
        "medium": "imagesize-medium",
        "large": "imagesize-large",
        "huge": "imagesize-wallpaper",
    },
    colour={
        "colour": "color2-color",
        "grey": "color2-bw",
        "transparent": "photo-transparent",
        **{colour: f"color2-FGcls_{colour.upper()}" for colour in _COLOURS},
    },
    type={
        "photo": "photo-photo",
        "face": "face-face",
        "clipart": "photo-clipart",
        "drawing": "photo-linedrawing",
        "animated": "photo-animatedgif",
    },
    date={"day": "age-lt1440", "week": "age-lt10080", "month": "age-lt43200", "year": "age-lt525600"},
    least=lambda width, height: f"imagesize-custom_{width}_{height}",
)


@dataclass(frozen=True)
class Bing:
    """The engine; the host is a field so that tests can stand in for it."""

    host: str = "https://www.bing.com"
    name: str = "bing"
    canary: str = "cat"
    official: bool = False
    offer: Offer = _OFFER

    def first(self, query: str, filters: SearchFilters) -> Request:
        """The first page, with words in English so that we know them."""
        parameters: Parameters = {
            "q": query,
            "async": 1,
            "first": 1,
            "count": _AT_ONCE,
            "setlang": "en",
            "qft": "".join(f"+filterui:{word}" for word in self.offer.words(filters).values()),
        }
        return Request(url_of(f"{self.host}/images/async", parameters))

    def read(self, request: Request, answer: Answer) -> Page:
        """The photos of the page's list."""
        if "/turing/" in answer.url:
            raise RefusedError("it wants to see a human (captcha)")
        parsing.require_ok(answer)
        first = number(request.url, "first", 1)
        soup = parsing.soup_of(answer)
        links = soup.select("a.iusc")
        hits = [hit for link in links if (hit := _hit(link))]
        if not hits:
            if links:
                raise ChangedError("its links to photos can't be read")
            if any(words in answer.body for words in _NONE) or (first > 1 and _is_end(answer, soup)):
                return Page(())
            raise parsing.unreadable(answer, "it has neither photos nor its words for no results")
        following = first + len(links)
        if following > _MOST:
            return Page(hits)
        return Page(hits, [Request(moved(request.url, {"first": following}), request.headers)])


def _hit(link: Any) -> Hit | None:
    try:
        about = parsing.object_of(Answer("", 200, {}, str(link.get("m")).encode("utf-8", "replace")))
    except (ChangedError, RefusedError):
        return None
    url = parsing.web_url(about.get("murl"))
    return None if url is None else Hit(url, parsing.web_url(about.get("purl")))


def _is_end(answer: Answer, soup: Any) -> bool:
    """Whether it is what follows the last page: nothing, or the empty frame of a list."""
    return not answer.body.strip() or soup.select_one(".dgControl") is not None


ENGINE = Bing()
