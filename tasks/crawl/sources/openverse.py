"""Openverse: about 800 million openly licensed images from Flickr, museums and other collections. No key needed.

Documentation of the format (read in November 2026): api.openverse.org/v1/ (image_search, auth_tokens), and the
serializers and settings in github.com/WordPress/openverse: 240 photos per query, 20 per page without a key and 50 with
one (restricted_features.py). Its servers allow 20 requests per minute and 200 per day without a key, as the headers of
recorded responses say (X-RateLimit-Limit-anon_burst and -anon_sustained, 2024 to October 2026), and 100 per minute and
10,000 per day to registered clients (rest_framework.py). The crawl respects the rate in these headers.

    OPENVERSE_CLIENT_ID, OPENVERSE_CLIENT_SECRET   optional: a POST to api.openverse.org/v1/auth_tokens/register/
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from configs.schema import SearchFilters
from tasks.crawl.engines import licences, parsing
from tasks.crawl.engines.engine import (
    BlockedError,
    FormatChangedError,
    Hit,
    Page,
    Request,
    Response,
    optional_credentials,
    rejected_credentials,
)
from tasks.crawl.engines.filters import SupportedFilters
from tasks.crawl.engines.parsing import JsonObject, Parameters

VARIABLES = ("OPENVERSE_CLIENT_ID", "OPENVERSE_CLIENT_SECRET")
_WEBSITE = "api.openverse.org/v1/auth_tokens/register/"
_PAGE_SIZE = 20
_PAGE_SIZE_WITH_KEY = 48
"""At most 50, and a divisor of 240: a page that ends after the 240th photo is an error."""
_MAX_RESULTS = 240
_DEFAULT_LIFETIME_S = 3600.0
_LICENCES = ("cc0", "pdm", "by", "by-sa", "by-nc", "by-nd", "by-nc-sa", "by-nc-nd")

_SUPPORTED = SupportedFilters(
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
    """The engine; `host` is a field, so that tests can point it to a local server."""

    host: str = "https://api.openverse.org"
    name: str = "openverse"
    canary: str = "cat"
    is_api: bool = True
    supported_filters: SupportedFilters = _SUPPORTED

    def build_request(self, query: str, filters: SearchFilters) -> Request:
        """Request the first 20 photos, or 48 with credentials."""
        values = self.supported_filters.translate(filters)
        has_key = optional_credentials(self.name, VARIABLES, _WEBSITE) is not None
        page_size = _PAGE_SIZE_WITH_KEY if has_key else _PAGE_SIZE
        parameters: Parameters = {"q": query, "page": 1, "page_size": page_size}
        parameters |= {"size": values.get("size", ""), "category": values.get("type", "")}
        if "licence" in values:
            name, _, value = values["licence"].partition("=")
            parameters[name] = value
        return Request(parsing.build_url(f"{self.host}/v1/images/", parameters))

    def token_request(self) -> Request | None:
        """Request a token, if there are credentials."""
        credentials = optional_credentials(self.name, VARIABLES, _WEBSITE)
        if credentials is None:
            return None
        form = dict(zip(("client_id", "client_secret"), credentials, strict=True))
        form["grant_type"] = "client_credentials"
        return Request(f"{self.host}/v1/auth_tokens/token/", secret=urlencode(form))

    def parse_token(self, response: Response) -> tuple[str, float]:
        """Return the token and its lifetime, 12 hours in 2026."""
        if response.status in (400, 401, 403):
            raise rejected_credentials(self.name, VARIABLES, f"HTTP {response.status}; see {_WEBSITE}")
        parsing.require_ok(response)
        found = parsing.json_object(response)
        token = found.get("access_token")
        if not isinstance(token, str) or not (token.isascii() and token.isprintable() and token):
            raise FormatChangedError("the response for the credentials has no `access_token`")
        return token, float(parsing.parse_count(found.get("expires_in")) or _DEFAULT_LIFETIME_S)

    def parse(self, request: Request, response: Response) -> Page:
        """Return the results, with licence, author and size."""
        if response.status == 401 and optional_credentials(self.name, VARIABLES, _WEBSITE):
            raise rejected_credentials(self.name, VARIABLES, f"HTTP 401: {_detail(response)}")
        if response.status == 401:
            raise BlockedError(f"HTTP 401: the limits of anonymous requests have changed ({_detail(response)})")
        parsing.require_ok(response)
        found = parsing.json_object(response)
        total = parsing.parse_count(found.get("result_count"))
        if not isinstance(found.get("results"), list) or total is None:
            raise parsing.no_photos_error(response, "the JSON has no list `results` or no `result_count`")
        hits = [hit for result in parsing.dicts_in(found["results"]) if (hit := _hit(result))]
        page = parsing.int_param(request.url, "page", 1)
        # A later page may be empty, because Openverse removes dead links.
        if not hits and (found["results"] or (total and page == 1)):
            raise FormatChangedError("the results have no URLs")
        pages = parsing.parse_count(found.get("page_count")) or 0
        if not hits or page >= min(pages, _MAX_RESULTS // parsing.int_param(request.url, "page_size", _PAGE_SIZE)):
            return Page(hits)
        return Page(hits, [Request(parsing.with_params(request.url, {"page": page + 1}))])


def _hit(result: JsonObject) -> Hit | None:
    url = parsing.web_url(result.get("url"))
    if url is None:
        return None
    code = parsing.clean_text(result.get("license"))
    version = parsing.clean_text(result.get("license_version"))
    licence = licences.normalize(f"CC {code} {version}" if code and version and code.startswith("by") else code)
    page = parsing.web_url(result.get("foreign_landing_url"))
    size = parsing.parse_size(result.get("width"), result.get("height"))
    return Hit(url, page, licence, parsing.clean_text(result.get("creator")), size_px=size)


def _detail(response: Response) -> str:
    try:
        return parsing.error_text(parsing.json_object(response).get("detail"))
    except (FormatChangedError, BlockedError):
        return parsing.error_text(None)


ENGINE = Openverse()
