"""Bing's result pages. Its search API was shut down in August 2025.

Sources for the format (November 2026): searxng's bing_images engine, icrawler's parser, and links that many public
repositories recorded (2019 to 2026). The page lists links `a.iusc` whose attribute `m` is JSON: `murl` is the photo,
`purl` the page that shows it, `turl` Bing's thumbnail. Their `href` has the photo's size: `expw` and `exph`. The filter
values (`qft`) are those of Bing's own search page. After about 1,000 photos, the results repeat.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from configs.schema import SearchFilters
from tasks.crawl.engines import parsing
from tasks.crawl.engines.engine import BlockedError, FormatChangedError, Hit, Page, PageLimitError, Request, Response
from tasks.crawl.engines.filters import SupportedFilters
from tasks.crawl.engines.html_tags import Tag
from tasks.crawl.engines.parsing import Parameters

_PAGE_SIZE = 35
_MAX_RESULTS = 1000
_NO_RESULTS = (b"There are no results for", b"No results found for", b'id="no_results"', b'class="no_results"')
_COLOURS = ("red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "white", "black", "brown")

_SUPPORTED = SupportedFilters(
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
    min_size=lambda width, height: f"imagesize-custom_{width}_{height}",
)


@dataclass(frozen=True)
class Bing:
    """The engine; `host` is a field, so that tests can point it to a local server."""

    host: str = "https://www.bing.com"
    name: str = "bing"
    canary: str = "cat"
    is_api: bool = False
    supported_filters: SupportedFilters = _SUPPORTED

    def build_request(self, query: str, filters: SearchFilters) -> Request:
        """Request the first page, in English, so that the text for "no results" is known."""
        values = self.supported_filters.translate(filters).values()
        parameters: Parameters = {
            "q": query,
            "async": 1,
            "first": 1,
            "count": _PAGE_SIZE,
            "setlang": "en",
            "qft": "".join(f"+filterui:{value}" for value in values),
        }
        return Request(parsing.build_url(f"{self.host}/images/async", parameters))

    def parse(self, request: Request, response: Response) -> Page:
        """Return the photos of the page's links."""
        if "/turing/" in response.url:
            raise BlockedError("blocked: captcha required")
        parsing.require_ok(response)
        first = parsing.int_param(request.url, "first", 1)
        page = parsing.parse_html(response)
        links = [tag for tag in page if tag.name == "a" and "iusc" in tag.words("class")]
        hits = [hit for link in links if (hit := _hit(link))]
        if not hits:
            if links:
                raise FormatChangedError("the photo links can't be parsed")
            if any(text in response.body for text in _NO_RESULTS) or (first > 1 and _is_end(response, page)):
                return Page(())
            raise parsing.no_photos_error(response, 'the page has neither photos nor the text for "no results"')
        next_start = first + len(links)
        if next_start > _MAX_RESULTS:
            return Page(hits)
        return Page(hits, [Request(parsing.with_params(request.url, {"first": next_start}), request.headers)])


def _hit(link: Tag) -> Hit | None:
    text = link.attributes.get("m", "").encode("utf-8", "replace").decode()  # without half surrogate pairs
    try:
        about = parsing.as_dict(parsing.parse_json(text))
    except (ValueError, RecursionError, PageLimitError):
        return None
    url = parsing.web_url(about.get("murl"))
    if url is None:
        return None
    shown = dict(parse_qsl(link.attributes.get("href", "").partition("?")[2]))
    size = parsing.parse_size(shown.get("expw"), shown.get("exph"))
    return Hit(url, parsing.web_url(about.get("purl")), size_px=size)


def _is_end(response: Response, page: Sequence[Tag]) -> bool:
    """Return whether it is the response after the last page: an empty body, or an empty list."""
    return not response.body.strip() or any("dgControl" in tag.words("class") for tag in page)


ENGINE = Bing()
