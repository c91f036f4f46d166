"""Find the image URLs and page links in HTML, for crawling a site. A page here is a BeautifulSoup."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, urldefrag, urlsplit, urlunsplit

from tasks.crawl.engines.parsing import web_url

_LAZY = (
    "data-src",
    "data-original",
    "data-lazy-src",
    "data-lazy",
    "data-hi-res-src",
    "data-full",
    "data-image",
)
_SRCSET_ATTRIBUTES = ("srcset", "data-srcset", "data-lazy-srcset")
_IMAGE = re.compile(r"\.(?:jpe?g|jfif|png|gif|webp|bmp|tiff?|avif)$", re.IGNORECASE)
_VECTOR = re.compile(r"\.svgz?$", re.IGNORECASE)
_NOT_A_PAGE = re.compile(
    r"\.(?:svgz?|ico|css|js|json|xml|rss|atom|txt|pdf|docx?|xlsx?|pptx?|zip|gz|bz2|xz|7z|rar|tar|exe|dmg|apk|iso|mp[34]|m4[av]"
    r"|webm|avi|mov|mkv|ogg|wav|flac|woff2?|ttf|eot)$",
    re.IGNORECASE,
)
_IGNORED = re.compile(r"log-?(?:in|out)|sign-?(?:in|out|up)|register|cart|checkout|delete|unsubscribe", re.IGNORECASE)
"""Parts of a path, or query parameters, that trigger an action or lead to personal pages."""
_MAX_PARAMETERS = 2
"""Query parameters of a page: enough for `?category=3&page=2`, too few for all combinations of a shop's filters."""
_SEPARATORS = " \t\r\n\f,"
_NUMBER = re.compile(r"\d{1,6}(?:\.\d{1,6})?")
_SAFE = "%/:?#[]@!$&'()*+,;=~"
_Candidate = tuple[float, str]
"""The number in an image's srcset descriptor (width, density or height), and the image's URL."""


def base_url(soup: Any, url: str) -> str:
    """Return the URL that a page's links are relative to: its `<base href>`, or its own URL."""
    tag = soup.find("base", href=True)
    return (web_url(tag["href"], url) if tag else None) or url


def robots_directives(soup: Any) -> set[str]:
    """Return the directives in the page's `<meta name="robots">` tags, in lower case."""
    tags = soup.find_all("meta", attrs={"name": re.compile(r"^\s*robots\s*$", re.IGNORECASE)})
    return set().union(*(split_directives(str(tag.get("content", ""))) for tag in tags))


def split_directives(content: str) -> set[str]:
    """Return the directives in the value of a robots tag or header, in lower case."""
    return {word.strip().lower() for word in content.split(",")}


def image_urls(soup: Any, base: str) -> list[str]:
    """Return the images of a page in its order, each once and at its largest size; its preview image comes last."""
    return list(dict.fromkeys(url for found in _image_sources(soup) if (url := _image_url(found, base))))


def page_links(soup: Any, base: str, page: str) -> list[str]:
    """Return the links to other pages of the same host, each once.

    Args:
        soup: The page.
        base: URL that the links are relative to.
        page: URL of the page.
    """
    host = urlsplit(page).netloc.lower()
    found: dict[str, None] = {}
    for tag in soup.find_all(["a", "area"], href=True):
        url = None if "nofollow" in _rel(tag) else web_url(tag["href"], base)
        if url is None:
            continue
        url = quote_url(urldefrag(url).url)
        parts = urlsplit(url)
        if parts.netloc.lower() == host and not _IMAGE.search(parts.path) and _is_page(parts.path, parts.query):
            found[url] = None
    found.pop(quote_url(urldefrag(page).url), None)
    return list(found)


def quote_url(url: str) -> str:
    """Percent-encode the non-ASCII characters of a URL; encoded characters stay unchanged."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=quote(parts.path or "/", safe=_SAFE), query=quote(parts.query, safe=_SAFE)))


def largest_in_srcset(srcset: str) -> _Candidate | None:
    """Return the number and URL of the largest image in a srcset, the first of equals; None if there is none."""
    found: _Candidate | None = None
    rest = srcset[:20_000].strip(_SEPARATORS)
    while rest:
        url, *after = rest.split(maxsplit=1)  # a URL may contain commas, but not begin or end with one
        rest, descriptor = "".join(after), ""
        if not url.endswith(","):
            descriptor, _, rest = rest.partition(",")
        size = _size(descriptor)
        if found is None or size > found[0]:
            found = size, url.rstrip(",")
        rest = rest.lstrip(_SEPARATORS)
    return found


def _size(descriptor: str) -> float:
    number = descriptor.strip().rstrip("wxh")
    return float(number) if _NUMBER.fullmatch(number) else 1.0


def _image_sources(soup: Any) -> Iterator[str]:
    linked: set[int] = set()
    """Ids of tags within a link to an image."""
    picture_sources: dict[int, list[_Candidate]] = {}
    """Per id of a tag within a `<picture>`: the largest of its sources so far, shared by all tags within it."""
    # One pass from the outside in: find_parent() for each img takes hours on a deeply nested page.
    for tag in soup.find_all(True):
        is_link = tag.name == "a" and _is_image_link(tag)
        if is_link or id(tag.parent) in linked:
            linked.add(id(tag))
        sources = [] if tag.name == "picture" else picture_sources.get(id(tag.parent))
        if sources is not None:
            picture_sources[id(tag)] = sources
        if is_link:
            yield str(tag["href"])
        elif tag.name == "source" and sources is not None:
            sources[:] = _largest_of([*sources, *_srcset_candidates(tag)])
        elif tag.name == "img" and id(tag) not in linked:  # within a link to an image, it is a thumbnail
            best = _largest_of([*(sources or ()), *_srcset_candidates(tag)])
            source = best[0][1] if best else next((str(tag[name]) for name in (*_LAZY, "src") if tag.get(name)), None)
            if source:
                yield source
    for tag in soup.find_all("meta", content=True):
        if str(tag.get("property") or tag.get("name")).lower() in ("og:image", "og:image:secure_url", "twitter:image"):
            yield str(tag["content"])


def _srcset_candidates(tag: Any) -> list[_Candidate]:
    """Return the largest image of each srcset attribute of a tag, except vector images."""
    sets = [str(tag[name]) for name in _SRCSET_ATTRIBUTES if tag.get(name)] if "svg" not in str(tag.get("type")) else []
    return [best for srcset in sets if (best := largest_in_srcset(srcset))]


def _largest_of(found: list[_Candidate]) -> list[_Candidate]:
    """Return a list with only the largest candidate, the first of equals; an empty list if there is none."""
    return [max(found, key=lambda best: best[0])] if found else []


def _is_image_link(tag: Any) -> bool:
    try:
        return bool(_IMAGE.search(urlsplit(str(tag.get("href", ""))).path)) and "nofollow" not in _rel(tag)
    except ValueError:
        return False


def _image_url(found: str, base: str) -> str | None:
    url = web_url(found, base)
    return None if url is None or _VECTOR.search(urlsplit(url).path) else quote_url(urldefrag(url).url)


def _rel(tag: Any) -> set[str]:
    rel = tag.get("rel") or ()
    return {word.lower() for word in (rel.split() if isinstance(rel, str) else rel)}


def _is_page(path: str, query: str) -> bool:
    if _NOT_A_PAGE.search(path) or any(_IGNORED.fullmatch(part) for part in path.split("/")):
        return False
    parameters = parse_qsl(query, keep_blank_values=True)
    return len(parameters) <= _MAX_PARAMETERS and not any(_IGNORED.search(name + value) for name, value in parameters)
