"""Build query strings, and parse engines' responses: statuses, JSON, HTML, and values of any type.

Engines change their format without notice, so no function here relies on the type of a value.
"""

import json
import re
from collections.abc import Mapping
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from tasks.crawl.engines.engine import BlockedError, FormatChangedError, PageLimitError, QuotaError, Response
from tasks.crawl.engines.html_tags import Tag, parse_tags, text_of

JsonObject = dict[str, Any]
Parameters = dict[str, str | int]
"""Query parameters, unquoted."""

_BLOCK_PAGE = re.compile(rb"captcha|unusual traffic|cf-chl|enablejs|/sorry/|are you a robot", re.IGNORECASE)
_STRIPPED = "".join(map(chr, range(0x21)))
_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_MAX_MESSAGE_CHARACTERS = 120
_MAX_JSON_VALUES = 100_000
"""Several times those of the longest response of an engine: Flickr's 500 photos have some 15,000."""
_MAX_TEXT_CHARACTERS = 10_000
_MAX_URL_CHARACTERS, _MAX_HOST_CHARACTERS = 16_000, 1_000
_HOST = re.compile(r"(?:[^:/?#]{0,100}:)?//([^/?#]*)")
_BLOCK_PAGE_BYTES = 1_000_000
_TOO_LARGE = 1 << 53
"""JSON numbers may have any number of digits, but neither the ledger nor a float takes them all."""
_LONG_WAIT_S = 600
"""An engine that wants to be left alone for longer isn't asked again in a crawl."""


def build_url(base: str, parameters: Mapping[str, str | int], *, safe: str = "") -> str:
    """Append query parameters to a URL.

    Args:
        base: URL without a query.
        parameters: Names and values; they are quoted as UTF-8, and empty values are left out.
        safe: Characters that are not quoted.
    """
    given = {name: value for name, value in parameters.items() if value != ""}
    return f"{base}?{urlencode(given, safe=safe, errors='replace')}"


def query_params(url: str) -> dict[str, str]:
    """Return the query parameters of a URL, unquoted."""
    return dict(parse_qsl(urlsplit(url).query))


def with_params(url: str, changes: Mapping[str, str | int], *, safe: str = "") -> str:
    """Return the URL with some of its query parameters changed or added; `safe` as in `build_url`."""
    return build_url(url.partition("?")[0], {**query_params(url), **changes}, safe=safe)


def int_param(url: str, name: str, default: int) -> int:
    """Return a query parameter as a number of at most 9 digits; the default if it is missing or no such number."""
    value = query_params(url).get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else default


def require_ok(response: Response) -> None:
    """Raise BlockedError or FormatChangedError unless the status is 200; QuotaError if the wait would be long."""
    status = response.status
    if status == 429 and _wait_s(response) > _LONG_WAIT_S:
        raise QuotaError(f"HTTP 429{_retry_after(response)} s: the requests that it allows are used up")
    if status in (403, 429) or status >= 500:
        raise BlockedError(f"HTTP {status}{_retry_after(response)}")
    if status in (404, 410):
        raise FormatChangedError(f"HTTP {status}: the engine's URL has changed")
    if status != 200:
        raise FormatChangedError(f"HTTP {status}{_error_message(response)}")


def json_object(response: Response, text: str | None = None) -> JsonObject:
    """Parse the body as a JSON object.

    Args:
        response: The response.
        text: What to parse instead of the body, if the body is not plain JSON.

    Raises:
        BlockedError: The body is a captcha or consent page.
        FormatChangedError: The body is not a JSON object.
        PageLimitError: It has too many values.
    """
    text = response.body.decode("utf-8", "replace") if text is None else text
    try:
        value = parse_json(text)
    except (ValueError, RecursionError) as error:
        raise no_photos_error(response, "the response is not JSON, or is truncated") from error
    if not isinstance(value, dict):
        raise no_photos_error(response, "the response is not a JSON object")
    return value


def parse_json(text: str) -> object:
    """Parse JSON, with a limit on the number of its values: each takes up to a hundred times its length.

    Raises:
        PageLimitError: There may be too many values.
        ValueError: It is not JSON.
        RecursionError: It is nested too deeply.
    """
    if sum(map(text.count, "]},")) > _MAX_JSON_VALUES:  # what opens a list may be nested, but that ends with an error
        raise PageLimitError(f"the response has more than {_MAX_JSON_VALUES:,} values")
    value: object = json.loads(text, strict=False)
    return value


def no_photos_error(response: Response, reason: str) -> BlockedError | FormatChangedError:
    """Return the error for a response without photos where they are expected.

    Args:
        response: The response.
        reason: Text of the FormatChangedError, unless the response is a captcha or consent page.
    """
    if is_block_page(response):
        return BlockedError("blocked: captcha, consent page or JavaScript required")
    return FormatChangedError(reason)


def is_block_page(response: Response) -> bool:
    """Return whether a response looks like a captcha or consent page.

    Call it only for a response without photos: a page with photos may contain such words too.
    """
    return response.body.lstrip()[:1] == b"<" and bool(_BLOCK_PAGE.search(response.body, 0, _BLOCK_PAGE_BYTES))


def parse_html(response: Response) -> list[Tag]:
    """Return the tags of the body; raises PageLimitError if they are too many."""
    return parse_tags(response.body)


def dicts_in(value: object) -> list[JsonObject]:
    """Return the objects of a JSON array; an empty list if it is not an array."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_dict(value: object) -> JsonObject:
    """Return a JSON object; an empty one if it is not an object."""
    return value if isinstance(value, dict) else {}


def clean_text(value: object) -> str | None:
    """Return a string without HTML entities and repeated spaces; None if it is empty or not a string.

    Of a long one, the first 10,000 characters count.
    """
    if not isinstance(value, str):
        return None
    text = unescape(value[:_MAX_TEXT_CHARACTERS]).encode("utf-8", "ignore").decode()
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split()) or None


def strip_html(value: object) -> str | None:
    """Return the text of an HTML fragment; None if it is empty or not a string. Its first 10,000 characters count."""
    if not isinstance(value, str):
        return None
    return clean_text(text_of(value[:_MAX_TEXT_CHARACTERS]) if "<" in value else value)


def parse_count(value: object) -> int | None:
    """Return a number from 0, given as a number of up to 53 bits or as up to 9 digits; None for any other value."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _TOO_LARGE else None


def parse_size(width: object, height: object) -> tuple[int, int] | None:
    """Return width and height in pixels; None unless both are positive numbers, or such numbers as strings."""
    width_px, height_px = parse_count(width), parse_count(height)
    return (width_px, height_px) if width_px and height_px else None


def web_url(value: object, base: str = "") -> str | None:
    """Return an absolute http or https URL; None if it is not one.

    Args:
        value: A value of any type.
        base: URL that the value may be relative to.
    """
    if not isinstance(value, str):
        return None
    if not may_be_url(value):
        return None
    try:
        url = urljoin(base or "https:", value.strip(_STRIPPED))
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            return None
        url.encode()
    except ValueError:  # a malformed host or port, or half of a surrogate pair
        return None
    return _CONTROL.sub(lambda match: f"%{ord(match[0]):02X}", url)


def may_be_url(text: str) -> bool:
    """Whether a text is short enough for a URL: the standard library takes minutes for some hosts of a megabyte."""
    if len(text) > _MAX_URL_CHARACTERS:
        return False
    plain = text.strip(_STRIPPED).replace("\t", "").replace("\n", "").replace("\r", "")
    host = _HOST.match(plain)
    return host is None or len(host[1]) <= _MAX_HOST_CHARACTERS


def error_text(value: object) -> str:
    """Return an API's error message, up to 120 characters."""
    return (clean_text(value) or "no reason given")[:_MAX_MESSAGE_CHARACTERS]


def _wait_s(response: Response) -> int:
    """Return the seconds of the Retry-After header; 0 if it is missing or a date."""
    return parse_count(response.headers.get("retry-after", "").strip()) or 0


def _retry_after(response: Response) -> str:
    wait = response.headers.get("retry-after", "")
    return f", retry after {wait[:40]}" if wait else _error_message(response)


def _error_message(response: Response) -> str:
    """Return the error message in an API's JSON, if there is one."""
    try:
        value = as_dict(parse_json(response.body.decode("utf-8", "replace")))
    except (ValueError, RecursionError, PageLimitError):
        return ""
    messages = (clean_text(value.get(name)) for name in ("detail", "errorMessage", "message"))
    message = next((message for message in messages if message), None)
    return f": {message[:_MAX_MESSAGE_CHARACTERS]}" if message else ""
