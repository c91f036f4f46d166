"""Google's Custom Search JSON API, for photos. Needs GOOGLE_API_KEY and GOOGLE_CSE_ID.

Google closed the API to new customers in January 2026, and ends it for existing ones on 2027-01-01
(developers.google.com/custom-search/v1/overview). Its search page is no alternative: since August 2026 it answers only
programs that pretend to be a browser or Google's own app (searxng's pull request 6546), which fluke doesn't.

Documentation of the format (read in November 2026): developers.google.com/custom-search/v1/reference/rest/v1/cse/list
and .../rest/v1/Search; an engine returns 10 photos per request and 100 per query, and 100 requests per day are free.
Checked against responses that public repositories recorded (jecoz's discoursive, 2020, and hello-school, 2018), and
errors from their issues: 403 dailyLimitExceeded (ejamesc/jarvisbot 21), 429 rateLimitExceeded "... per day"
(Techcatchers/PyLyrics-Extractor 9), 403 for new customers (mixelpixx/Nimrod 7), 400 for a wrong engine ID
(sundowndev/phoneinfoga 1189). The response has neither licence nor author.

    GOOGLE_API_KEY   console.cloud.google.com, APIs & Services, Credentials, with the Custom Search API enabled
    GOOGLE_CSE_ID    programmablesearchengine.google.com: the ID of an engine that searches the entire web, with image
                     search switched on
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from configs.schema import SearchFilters
from tasks.crawl.engines import parsing
from tasks.crawl.engines.engine import (
    BlockedError,
    FormatChangedError,
    Hit,
    Page,
    QuotaError,
    Request,
    Response,
    rejected_credentials,
    require_credentials,
)
from tasks.crawl.engines.filters import SupportedFilters
from tasks.crawl.engines.parsing import JsonObject, Parameters

VARIABLES = ("GOOGLE_API_KEY", "GOOGLE_CSE_ID")
_WEBSITE = "console.cloud.google.com and programmablesearchengine.google.com; not for new customers since January 2026"
_PAGE_SIZE = 10
_MAX_RESULTS = 100
_DAILY = ("dailyLimitExceeded", "dailyLimitExceededUnreg", "quotaExceeded")
_TOO_FAST = ("rateLimitExceeded", "userRateLimitExceeded")
_BAD_KEY = ("keyInvalid", "keyExpired", "API_KEY_INVALID", "accessNotConfigured", "forbidden", "required")
_COLOURS = ("red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "white", "black", "brown")
_ANY_LICENCE = "cc_publicdomain|cc_attribute|cc_sharealike"

_SUPPORTED = SupportedFilters(
    "google",
    licence={
        "open": f"rights=({_ANY_LICENCE}|cc_noncommercial|cc_nonderived)",
        "commercial": f"rights=({_ANY_LICENCE}|cc_nonderived).-(cc_noncommercial)",
        "modify": f"rights=({_ANY_LICENCE}|cc_noncommercial).-(cc_nonderived)",
        "pdm": "rights=cc_publicdomain",
    },
    size={word: f"imgSize={word.upper()}" for word in ("small", "medium", "large", "huge")},
    colour={
        "colour": "imgColorType=color",
        "grey": "imgColorType=gray",
        "transparent": "imgColorType=trans",
        **{colour: f"imgDominantColor={colour}" for colour in _COLOURS},
    },
    type={
        "photo": "imgType=photo",
        "face": "imgType=face",
        "clipart": "imgType=clipart",
        "drawing": "imgType=lineart",
        "animated": "imgType=animated",
    },
    date={"day": "dateRestrict=d1", "week": "dateRestrict=w1", "month": "dateRestrict=m1", "year": "dateRestrict=y1"},
)


@dataclass(frozen=True)
class Google:
    """The engine; `host` is a field, so that tests can point it to a local server."""

    host: str = "https://customsearch.googleapis.com"
    name: str = "google"
    canary: str = "cat"
    is_api: bool = True
    supported_filters: SupportedFilters = _SUPPORTED

    def build_request(self, query: str, filters: SearchFilters) -> Request:
        """Request the first 10 photos."""
        values = self.supported_filters.translate(filters).values()
        key, engine_id = require_credentials(self.name, VARIABLES, _WEBSITE)
        parameters: Parameters = {"q": query, "searchType": "image", "num": _PAGE_SIZE, "start": 1}
        for pair in values:
            name, _, value = pair.partition("=")
            parameters[name] = value
        url = parsing.build_url(f"{self.host}/customsearch/v1", parameters)
        return Request(url, secret=urlencode({"key": key, "cx": engine_id}))

    def parse(self, request: Request, response: Response) -> Page:
        """Return the photos with their pages and sizes."""
        start = parsing.int_param(request.url, "start", 1)
        if response.status != 200 and (failure := self._failure(response)):
            if start > 1 and isinstance(failure, FormatChangedError):
                return Page(())  # some queries end before their 100th photo
            raise failure
        parsing.require_ok(response)
        found = parsing.json_object(response)
        items = found.get("items", [])
        if found.get("kind") != "customsearch#search" or not isinstance(items, list):
            raise parsing.no_photos_error(response, "the JSON is no `customsearch#search` with a list `items`")
        hits = [hit for item in parsing.dicts_in(items) if (hit := _hit(item))]
        if not hits:
            total = parsing.as_dict(found.get("searchInformation")).get("totalResults")
            if items or (start == 1 and str(total) != "0"):
                raise FormatChangedError("the items have no links")
            return Page(())
        following = next(iter(parsing.dicts_in(parsing.as_dict(found.get("queries")).get("nextPage"))), {})
        next_start = parsing.parse_count(following.get("startIndex"))
        if next_start is None or not start < next_start <= _MAX_RESULTS - _PAGE_SIZE + 1:
            return Page(hits)
        url = parsing.with_params(request.url, {"start": next_start})
        return Page(hits, [Request(url, request.headers, request.secret)])

    def _failure(self, response: Response) -> Exception | None:
        """Return the error that the API's JSON describes; None if there is none."""
        try:
            error = parsing.as_dict(parsing.json_object(response).get("error"))
        except (BlockedError, FormatChangedError):
            return None
        return self._error(response.status, error) if error else None

    def _error(self, status: int, error: JsonObject) -> Exception | None:
        details = [*parsing.dicts_in(error.get("errors")), *parsing.dicts_in(error.get("details"))]
        reasons = {str(detail.get("reason")) for detail in details}
        message = f"HTTP {status}: {parsing.error_text(error.get('message'))}"
        if reasons.intersection(_DAILY) or (status == 429 and "per day" in str(error.get("message"))):
            return QuotaError(
                "its requests of today are used up (100 are free); continue tomorrow with --fresh crawl, or raise the "
                "quota in the Google Cloud console"
            )
        if status == 429 or reasons.intersection(_TOO_FAST):
            return BlockedError(message)
        if status in (401, 403) or reasons.intersection(_BAD_KEY):
            return rejected_credentials(self.name, VARIABLES, f"{message}; see {_WEBSITE}")
        if status == 400:
            return FormatChangedError(f"{message} Check that GOOGLE_CSE_ID is the ID of a search engine")
        return None


def _hit(item: JsonObject) -> Hit | None:
    url = parsing.web_url(item.get("link"))
    if url is None:
        return None
    image = parsing.as_dict(item.get("image"))
    size = parsing.parse_size(image.get("width"), image.get("height"))
    return Hit(url, parsing.web_url(image.get("contextLink")), size_px=size)


ENGINE = Google()
