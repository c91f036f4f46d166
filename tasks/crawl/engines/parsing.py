"""What search engines' answers have in common: statuses, JSON, HTML, and values that may be anything.

Engines change without notice and send whatever they like, so nothing here trusts the shape of a value.
"""

import json
import re
from html import unescape
from typing import Any
from urllib.parse import urljoin, urlsplit

from tasks.crawl.engines.engine import Answer, ChangedError, RefusedError

Item = dict[str, Any]

_HUMANS_ONLY = re.compile(rb"captcha|unusual traffic|cf-chl|enablejs|/sorry/|are you a robot", re.IGNORECASE)
_EDGES = "".join(map(chr, range(0x21)))
_CONTROL = re.compile(r"[\x00-\x20\x7f]")


def require_ok(answer: Answer) -> None:
    """Raise RefusedError or ChangedError unless the status is 200."""
    status = answer.status
    if status in (403, 429) or status >= 500:
        raise RefusedError(f"HTTP {status}{_after(answer)}")
    if status in (404, 410):
        raise ChangedError(f"HTTP {status}: its address is not what it was")
    if status != 200:
        raise ChangedError(f"HTTP {status}{_said(answer)}")


def object_of(answer: Answer, text: str | None = None) -> Item:
    """The answer's JSON object. text: what to read instead of the body, if that isn't plain JSON.

    Raises ChangedError if it isn't one; RefusedError if it is a page for humans.
    """
    try:
        value = json.loads(answer.body.decode("utf-8", "replace") if text is None else text, strict=False)
    except (ValueError, RecursionError) as error:
        raise unreadable(answer, "it is no JSON, or cut off") from error
    if not isinstance(value, dict):
        raise unreadable(answer, "its JSON is no object")
    return value


def unreadable(answer: Answer, reason: str) -> ChangedError | RefusedError:
    """The error to raise if an answer holds no photos where they were: a captcha, or a new format."""
    if for_humans(answer):
        return RefusedError("it wants to see a human (captcha, consent or JavaScript)")
    return ChangedError(reason)


def for_humans(answer: Answer) -> bool:
    """Whether it is a page to keep programs out. Ask only if there are no photos, which may well be of captchas."""
    return answer.body.lstrip()[:1] == b"<" and bool(_HUMANS_ONLY.search(answer.body))


def soup_of(answer: Answer) -> Any:
    """The answer's HTML as a BeautifulSoup. Raises ChangedError if it is none."""
    from bs4 import BeautifulSoup
    from bs4.exceptions import ParserRejectedMarkup

    try:
        return BeautifulSoup(answer.body, "lxml")
    except (ParserRejectedMarkup, RecursionError, LookupError) as error:
        raise ChangedError("it is no HTML") from error


def items(value: object) -> list[Item]:
    """The objects of a JSON array; none if it isn't one."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def item(value: object) -> Item:
    """A JSON object; an empty one if it isn't one."""
    return value if isinstance(value, dict) else {}


def words(value: object) -> str | None:
    """A text without entities and needless spaces; None if it is empty or no text."""
    if not isinstance(value, str):
        return None
    text = unescape(value).encode("utf-8", "ignore").decode()
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split()) or None


def plain(value: object) -> str | None:
    """The words of a piece of HTML."""
    from bs4 import BeautifulSoup

    if not isinstance(value, str):
        return None
    if "<" not in value:
        return words(value)
    try:
        return words(BeautifulSoup(value[:10_000], "lxml").get_text(" "))
    except (RecursionError, ValueError, AssertionError):
        return None


def whole(value: object) -> int | None:
    """A number of things, of which some engines make a text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def web_url(value: object, page: str = "") -> str | None:
    """An absolute http or https URL; None if it isn't one. page: what it may be relative to."""
    if not isinstance(value, str):
        return None
    try:
        url = urljoin(page or "https:", value.strip(_EDGES))
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            return None
        url.encode()
    except ValueError:  # a malformed host or port, or half of a surrogate pair
        return None
    return _CONTROL.sub(lambda match: f"%{ord(match[0]):02X}", url)


def _after(answer: Answer) -> str:
    wait = answer.headers.get("retry-after", "")
    return f", come back after {wait[:40]}" if wait else _said(answer)


def _said(answer: Answer) -> str:
    """The reason that an API gives, if it is short words."""
    try:
        value = item(json.loads(answer.body))
    except (ValueError, RecursionError):
        return ""
    said = words(value.get("detail")) or words(value.get("errorMessage")) or words(value.get("message"))
    return f": {said[:120]}" if said else ""
