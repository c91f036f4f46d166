"""Flickr's official API. Needs FLICKR_API_KEY, from flickr.com/services/apps/create.

Documentation of the format (read in November 2026): flickr.com/services/api/flickr.photos.search.html, with the limit
of 4,000 photos per query, and flickr.photos.licenses.getInfo for the licence numbers. Numbers 11 to 16 are the 4.0
licences of June 2025; no official document lists them, so they are in the order of Flickr-Foundation/flickr-photos-api.
The limit of 3,600 requests per hour is from Flickr's guide for developers.
"""

from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from configs.schema import SearchFilters
from tasks.crawl.engines import parsing
from tasks.crawl.engines.engine import (
    BlockedError,
    FormatChangedError,
    Hit,
    Page,
    Request,
    Response,
    rejected_credentials,
    require_credentials,
)
from tasks.crawl.engines.filters import DAYS, SupportedFilters, start_date
from tasks.crawl.engines.licences import NO_KNOWN_RESTRICTIONS, PUBLIC_DOMAIN
from tasks.crawl.engines.parsing import JsonObject, Parameters

VARIABLES = ("FLICKR_API_KEY",)
_WEBSITE = "flickr.com/services/apps/create"
_PAGE_SIZE = 500
_MAX_RESULTS = 4000
_SIZES = ("o", "6k", "5k", "4k", "3k", "k", "h", "l", "c", "z", "m")
"""Suffixes of the `url_` extras, from the original down; an owner may withhold some sizes."""
_BAD_KEY_CODES = (95, 96, 97, 98, 99, 100)
_BUSY_CODES = (10, 105, 106, 201)

LICENCES = {
    0: "All rights reserved",
    1: "CC BY-NC-SA 2.0",
    2: "CC BY-NC 2.0",
    3: "CC BY-NC-ND 2.0",
    4: "CC BY 2.0",
    5: "CC BY-SA 2.0",
    6: "CC BY-ND 2.0",
    7: NO_KNOWN_RESTRICTIONS,
    8: "United States government work",
    9: "CC0 1.0",
    10: PUBLIC_DOMAIN,
    11: "CC BY 4.0",
    12: "CC BY-SA 4.0",
    13: "CC BY-ND 4.0",
    14: "CC BY-NC 4.0",
    15: "CC BY-NC-SA 4.0",
    16: "CC BY-NC-ND 4.0",
}


def _licence_numbers(*, without: tuple[str, ...] = (), code: str = "") -> str:
    """Return licence numbers, separated by commas; never "all rights reserved".

    Args:
        without: Leave out licences whose name contains one of these.
        code: Only licences with this Creative Commons code, such as `BY-SA`; all if empty.
    """
    return ",".join(
        str(number)
        for number, name in LICENCES.items()
        if number and not any(part in name for part in without) and (not code or name.startswith(f"CC {code} "))
    )


def _date_range(first: date, last: date) -> str:
    return f"{first} 00:00:00..{last} 23:59:59"


_CODES = ("BY", "BY-SA", "BY-NC", "BY-ND", "BY-NC-SA", "BY-NC-ND")
_SUPPORTED = SupportedFilters(
    "flickr",
    licence={
        "open": _licence_numbers(),
        "commercial": _licence_numbers(without=("NC", "No known")),
        "modify": _licence_numbers(without=("ND", "No known")),
        "cc0": "9",
        "pdm": "10",
        **{code.lower(): _licence_numbers(code=code) for code in _CODES},
    },
    type={"photo": "1", "drawing": "3"},
    date={period: period for period in DAYS},
    date_range=_date_range,
)


@dataclass(frozen=True)
class Flickr:
    """The engine; `host` is a field, so that tests can point it to a local server."""

    host: str = "https://api.flickr.com"
    name: str = "flickr"
    canary: str = "cat"
    is_api: bool = True
    supported_filters: SupportedFilters = _SUPPORTED

    def build_request(self, query: str, filters: SearchFilters) -> Request:
        """Request the first 500 photos, by relevance."""
        values = self.supported_filters.translate(filters)
        (key,) = require_credentials(self.name, VARIABLES, _WEBSITE)
        parameters: Parameters = {
            "method": "flickr.photos.search",
            "text": query,
            "media": "photos",
            "sort": "relevance",
            "extras": ",".join(("license", "owner_name", *(f"url_{size}" for size in _SIZES))),
            "per_page": _PAGE_SIZE,
            "page": 1,
            "format": "json",
            "nojsoncallback": 1,
            "license": values.get("licence", ""),
            "content_type": values.get("type", ""),
        }
        if dates := values.get("date"):
            first, _, last = (str(start_date(dates)) if dates in DAYS else dates).partition("..")
            parameters |= {"min_upload_date": first, "max_upload_date": last}
        return Request(parsing.build_url(f"{self.host}/services/rest/", parameters), secret=urlencode({"api_key": key}))

    def parse(self, request: Request, response: Response) -> Page:
        """Return the photos at the largest size that their owners allow."""
        parsing.require_ok(response)
        found = parsing.json_object(response)
        if found.get("stat") == "fail":
            raise self._failure(found)
        photos = parsing.as_dict(found.get("photos"))
        total, pages = parsing.parse_count(photos.get("total")), parsing.parse_count(photos.get("pages"))
        if found.get("stat") != "ok" or not isinstance(photos.get("photo"), list) or total is None or pages is None:
            raise parsing.no_photos_error(response, "the JSON has no list `photo`, no `total` or no `pages`")
        hits = [hit for photo in parsing.dicts_in(photos["photo"]) if (hit := _hit(photo))]
        page = parsing.int_param(request.url, "page", 1)
        if not hits and (photos["photo"] or (total and page == 1)):
            raise FormatChangedError("the photos have no URLs")
        if not hits or page >= min(pages, _MAX_RESULTS // _PAGE_SIZE):
            return Page(hits)
        return Page(
            hits, [Request(parsing.with_params(request.url, {"page": page + 1}), request.headers, request.secret)]
        )

    def _failure(self, found: JsonObject) -> Exception:
        code = parsing.parse_count(found.get("code"))
        message = f"{code}: {parsing.error_text(found.get('message'))}"
        if code in _BAD_KEY_CODES:
            return rejected_credentials(self.name, VARIABLES, f"{message}; see {_WEBSITE}")
        return BlockedError(message) if code in _BUSY_CODES else FormatChangedError(message)


def _hit(photo: JsonObject) -> Hit | None:
    sizes = [size for size in _SIZES if parsing.web_url(photo.get(f"url_{size}")) is not None]
    if not sizes:
        return None
    largest = max(sizes, key=lambda size: _area(photo, size))  # of equal areas the first, which is the original
    owner, identity = parsing.clean_text(photo.get("owner")), parsing.clean_text(photo.get("id"))
    page = parsing.web_url(f"https://www.flickr.com/photos/{owner}/{identity}") if owner and identity else None
    licence_number = parsing.parse_count(photo.get("license"))
    licence = None if licence_number is None else LICENCES.get(licence_number)
    url = parsing.web_url(photo[f"url_{largest}"]) or ""
    size = parsing.parse_size(photo.get(f"width_{largest}"), photo.get(f"height_{largest}"))
    return Hit(url, page, licence, parsing.clean_text(photo.get("ownername")), size_px=size)


def _area(photo: JsonObject, size: str) -> int:
    """Return the pixels of a photo at one of its sizes; 0 if unknown."""
    return (parsing.parse_count(photo.get(f"width_{size}")) or 0) * (
        parsing.parse_count(photo.get(f"height_{size}")) or 0
    )


ENGINE = Flickr()
