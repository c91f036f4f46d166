"""Flickr's official API. Needs FLICKR_API_KEY, from flickr.com/services/apps/create.

Where the format is documented (looked up in November 2026): flickr.com/services/api/flickr.photos.search.html, which
says that it never gives more than the first 4,000 photos of a query, and flickr.photos.licenses.getInfo for the
numbers of the licences; 11 to 16 are the 4.0 ones of June 2025, in the order in which Flickr-Foundation/flickr-
photos-api has them (their numbers we saw in no document). The limit of 3,600 requests an hour is from its guide for
developers.
"""

from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from configs.schema import SearchFilters
from tasks.crawl.engines import credentials, parsing
from tasks.crawl.engines.engine import Answer, ChangedError, Hit, Page, RefusedError, Request
from tasks.crawl.engines.filters import DAYS, Offer, since
from tasks.crawl.engines.licences import PUBLIC_DOMAIN
from tasks.crawl.engines.queries import Parameters, moved, number, url_of

_VARIABLES = ("FLICKR_API_KEY",)
_WHERE = "flickr.com/services/apps/create"
_AT_ONCE = 500
_MOST = 4000
_SIZES = ("o", "6k", "5k", "4k", "3k", "k", "h", "l", "c", "z", "m")
"""Of its `url_` extras, from the original down; some of them an owner may keep back."""
_BAD_KEY = (95, 96, 97, 98, 99, 100)
_BUSY = (10, 105, 106, 201)

LICENCES = {
    0: "All rights reserved",
    1: "CC BY-NC-SA 2.0",
    2: "CC BY-NC 2.0",
    3: "CC BY-NC-ND 2.0",
    4: "CC BY 2.0",
    5: "CC BY-SA 2.0",
    6: "CC BY-ND 2.0",
    7: "No known copyright restrictions",
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


def _numbers(*, without: tuple[str, ...] = (), named: str = "") -> str:
    """Numbers of the licences, but for all rights reserved; those of one code if `named`."""
    return ",".join(
        str(number)
        for number, name in LICENCES.items()
        if number and not any(part in name for part in without) and (not named or name.startswith(f"CC {named} "))
    )


def _between(first: date, last: date) -> str:
    return f"{first} 00:00:00..{last} 23:59:59"


_CODES = ("BY", "BY-SA", "BY-NC", "BY-ND", "BY-NC-SA", "BY-NC-ND")
_OFFER = Offer(
    "flickr",
    licence={
        "open": _numbers(),
        "commercial": _numbers(without=("NC", "No known")),
        "modify": _numbers(without=("ND", "No known")),
        "cc0": "9",
        "pdm": "10",
        **{code.lower(): _numbers(named=code) for code in _CODES},
    },
    type={"photo": "1", "drawing": "3"},
    date={word: word for word in DAYS},
    between=_between,
)


@dataclass(frozen=True)
class Flickr:
    """The engine; the host is a field so that tests can stand in for it."""

    host: str = "https://api.flickr.com"
    name: str = "flickr"
    canary: str = "cat"
    official: bool = True
    offer: Offer = _OFFER

    def first(self, query: str, filters: SearchFilters) -> Request:
        """The first five hundred photos, the most fitting first."""
        words = self.offer.words(filters)
        (key,) = credentials.required(self.name, _VARIABLES, _WHERE)
        parameters: Parameters = {
            "method": "flickr.photos.search",
            "text": query,
            "media": "photos",
            "sort": "relevance",
            "extras": ",".join(("license", "owner_name", *(f"url_{size}" for size in _SIZES))),
            "per_page": _AT_ONCE,
            "page": 1,
            "format": "json",
            "nojsoncallback": 1,
            "license": words.get("licence", ""),
            "content_type": words.get("type", ""),
        }
        if word := words.get("date"):
            first, _, last = (str(since(word)) if word in DAYS else word).partition("..")
            parameters |= {"min_upload_date": first, "max_upload_date": last}
        return Request(url_of(f"{self.host}/services/rest/", parameters), secret=urlencode({"api_key": key}))

    def read(self, request: Request, answer: Answer) -> Page:
        """The photos at the largest size that their owners give out."""
        parsing.require_ok(answer)
        found = parsing.object_of(answer)
        if found.get("stat") == "fail":
            raise self._failure(found)
        photos = parsing.item(found.get("photos"))
        total, pages = parsing.whole(photos.get("total")), parsing.whole(photos.get("pages"))
        if found.get("stat") != "ok" or not isinstance(photos.get("photo"), list) or total is None or pages is None:
            raise parsing.unreadable(answer, "its JSON has no list of photos or no total")
        hits = [hit for photo in parsing.items(photos["photo"]) if (hit := _hit(photo))]
        page = number(request.url, "page", 1)
        if not hits and (photos["photo"] or (total and page == 1)):
            raise ChangedError("its photos have no URLs")
        if not hits or page >= min(pages, _MOST // _AT_ONCE):
            return Page(hits)
        return Page(hits, [Request(moved(request.url, {"page": page + 1}), request.headers, request.secret)])

    def _failure(self, found: parsing.Item) -> Exception:
        code = parsing.whole(found.get("code"))
        said = f"{code}: {(parsing.words(found.get('message')) or 'no reason given')[:120]}"
        if code in _BAD_KEY:
            return credentials.rejected(self.name, _VARIABLES, f"{said}; see {_WHERE}")
        return RefusedError(said) if code in _BUSY else ChangedError(said)


def _hit(photo: parsing.Item) -> Hit | None:
    found = [
        (_area(photo, size), url) for size in _SIZES if (url := parsing.web_url(photo.get(f"url_{size}"))) is not None
    ]
    if not found:
        return None
    owner, identity = parsing.words(photo.get("owner")), parsing.words(photo.get("id"))
    page = parsing.web_url(f"https://www.flickr.com/photos/{owner}/{identity}") if owner and identity else None
    licence_number = parsing.whole(photo.get("license"))
    licence = None if licence_number is None else LICENCES.get(licence_number)
    # Of equals the first is the original; max takes it.
    return Hit(max(found, key=lambda pair: pair[0])[1], page, licence, parsing.words(photo.get("ownername")))


def _area(photo: parsing.Item, size: str) -> int:
    """Square pixels of a photo at one of its sizes; 0 if it doesn't say."""
    return (parsing.whole(photo.get(f"width_{size}")) or 0) * (parsing.whole(photo.get(f"height_{size}")) or 0)


ENGINE = Flickr()
