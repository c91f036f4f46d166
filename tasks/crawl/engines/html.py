"""What a page of HTML shows and links to, for crawling a site. A page here is a BeautifulSoup."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, urldefrag, urlsplit, urlunsplit

from tasks.crawl.engines.parsing import web_url

_LAZY = ("data-src", "data-original", "data-lazy-src", "data-lazy", "data-hi-res-src", "data-full", "data-image")
_SETS = ("srcset", "data-srcset", "data-lazy-srcset")
_PICTURE = re.compile(r"\.(?:jpe?g|jfif|png|gif|webp|bmp|tiff?|avif)$", re.IGNORECASE)
_VECTOR = re.compile(r"\.svgz?$", re.IGNORECASE)
_NO_PAGE = re.compile(
    r"\.(?:svgz?|ico|css|js|json|xml|rss|atom|txt|pdf|docx?|xlsx?|pptx?|zip|gz|bz2|xz|7z|rar|tar|exe|dmg|apk|iso|mp[34]|m4[av]"
    r"|webm|avi|mov|mkv|ogg|wav|flac|woff2?|ttf|eot)$",
    re.IGNORECASE,
)
_NO_VISIT = re.compile(r"log-?(?:in|out)|sign-?(?:in|out|up)|register|cart|checkout|delete|unsubscribe", re.IGNORECASE)
"""Parts of a path, or names in a query, that do something or lead to people's own pages."""
_MOST_PARAMETERS = 2
"""Of a page's query: enough for `?category=3&page=2`, too few for every combination of a shop's filters."""
_BETWEEN = " \t\r\n\f,"
_NUMBER = re.compile(r"\d{1,6}(?:\.\d{1,6})?")
_SAFE = "%/:?#[]@!$&'()*+,;=~"
_Sized = tuple[float, str]
"""A picture's width (or density, or height) as written, and its address."""


def base_of(soup: Any, url: str) -> str:
    """What a page's addresses are relative to: its `<base href>`, or its own address."""
    tag = soup.find("base", href=True)
    return (web_url(tag["href"], url) if tag else None) or url


def robots(soup: Any) -> set[str]:
    """What the page's `<meta name="robots">` forbids."""
    tags = soup.find_all("meta", attrs={"name": re.compile(r"^\s*robots\s*$", re.IGNORECASE)})
    return set().union(*(directives(str(tag.get("content", ""))) for tag in tags))


def directives(content: str) -> set[str]:
    """The words of a robots tag or header."""
    return {word.strip().lower() for word in content.split(",")}


def pictures(soup: Any, base: str) -> list[str]:
    """The pictures of a page in its order, each once and at its largest; its preview for others comes last."""
    return list(dict.fromkeys(url for found in _candidates(soup) if (url := _picture_url(found, base))))


def links(soup: Any, base: str, page: str) -> list[str]:
    """Pages of the same host, each once, but for the page itself."""
    host = urlsplit(page).netloc.lower()
    found: dict[str, None] = {}
    for tag in soup.find_all(["a", "area"], href=True):
        url = None if "nofollow" in _rel(tag) else web_url(tag["href"], base)
        if url is None:
            continue
        url = quoted(urldefrag(url).url)
        parts = urlsplit(url)
        if parts.netloc.lower() == host and not _PICTURE.search(parts.path) and _is_page(parts.path, parts.query):
            found[url] = None
    found.pop(quoted(urldefrag(page).url), None)
    return list(found)


def quoted(url: str) -> str:
    """A URL with everything quoted that isn't ASCII, as it is sent; what is quoted already stays so."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=quote(parts.path or "/", safe=_SAFE), query=quote(parts.query, safe=_SAFE)))


def largest(srcset: str) -> _Sized | None:
    """The largest picture of a srcset, with its width (or density, or height) as written; the first of equals."""
    found: _Sized | None = None
    rest = srcset[:20_000].strip(_BETWEEN)
    while rest:
        url, *after = rest.split(maxsplit=1)  # an address may have commas in it, but neither begin nor end with one
        rest, descriptor = "".join(after), ""
        if not url.endswith(","):
            descriptor, _, rest = rest.partition(",")
        size = _size(descriptor)
        if found is None or size > found[0]:
            found = size, url.rstrip(",")
        rest = rest.lstrip(_BETWEEN)
    return found


def _size(descriptor: str) -> float:
    number = descriptor.strip().rstrip("wxh")
    return float(number) if _NUMBER.fullmatch(number) else 1.0


def _candidates(soup: Any) -> Iterator[str]:
    linked: set[int] = set()
    """Tags within a link to a picture."""
    around: dict[int, list[_Sized]] = {}
    """Of each tag within a `<picture>`: the largest of that picture's sources so far, if it has any."""
    for tag in soup.find_all(True):  # from the outside in: looking outwards from each img may take hours on a deep page
        is_link = tag.name == "a" and _is_picture_link(tag)
        if is_link or id(tag.parent) in linked:
            linked.add(id(tag))
        sources = [] if tag.name == "picture" else around.get(id(tag.parent))
        if sources is not None:
            around[id(tag)] = sources
        if is_link:
            yield str(tag["href"])
        elif tag.name == "source" and sources is not None:
            sources[:] = _largest_of([*sources, *_sized(tag)])
        elif tag.name == "img" and id(tag) not in linked:  # else it is a thumbnail
            best = _largest_of([*(sources or ()), *_sized(tag)])
            source = best[0][1] if best else next((str(tag[name]) for name in (*_LAZY, "src") if tag.get(name)), None)
            if source:
                yield source
    for tag in soup.find_all("meta", content=True):
        if str(tag.get("property") or tag.get("name")).lower() in ("og:image", "og:image:secure_url", "twitter:image"):
            yield str(tag["content"])


def _sized(tag: Any) -> list[_Sized]:
    """The largest of each srcset of a tag."""
    sets = [str(tag[name]) for name in _SETS if tag.get(name)] if "svg" not in str(tag.get("type")) else []
    return [best for srcset in sets if (best := largest(srcset))]


def _largest_of(found: list[_Sized]) -> list[_Sized]:
    """The first of the largest, alone; nothing if there is none."""
    return [max(found, key=lambda best: best[0])] if found else []


def _is_picture_link(tag: Any) -> bool:
    try:
        return bool(_PICTURE.search(urlsplit(str(tag.get("href", ""))).path)) and "nofollow" not in _rel(tag)
    except ValueError:
        return False


def _picture_url(found: str, base: str) -> str | None:
    url = web_url(found, base)
    return None if url is None or _VECTOR.search(urlsplit(url).path) else quoted(urldefrag(url).url)


def _rel(tag: Any) -> set[str]:
    rel = tag.get("rel") or ()
    return {word.lower() for word in (rel.split() if isinstance(rel, str) else rel)}


def _is_page(path: str, query: str) -> bool:
    if _NO_PAGE.search(path) or any(_NO_VISIT.fullmatch(part) for part in path.split("/")):
        return False
    parameters = parse_qsl(query, keep_blank_values=True)
    return len(parameters) <= _MOST_PARAMETERS and not any(_NO_VISIT.search(name + value) for name, value in parameters)
