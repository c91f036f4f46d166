"""Query strings of search engines: put together, and read again to find the next page."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

Parameters = dict[str, str | int]


def url_of(base: str, parameters: Mapping[str, str | int], *, safe: str = "") -> str:
    """A URL with these parameters, quoted as UTF-8 apart from the characters in `safe`; empty ones are left out."""
    given = {name: value for name, value in parameters.items() if value != ""}
    return f"{base}?{urlencode(given, safe=safe, errors='replace')}"


def parameters_of(url: str) -> dict[str, str]:
    """The parameters of a URL, unquoted."""
    return dict(parse_qsl(urlsplit(url).query))


def moved(url: str, changes: Mapping[str, str | int], *, safe: str = "") -> str:
    """The URL with some of its parameters changed or added."""
    return url_of(url.partition("?")[0], {**parameters_of(url), **changes}, safe=safe)


def number(url: str, name: str, default: int) -> int:
    """A parameter that counts something; the default if it is missing or no number."""
    value = parameters_of(url).get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else default
