"""Find the image URLs and page links in HTML, for crawling a site. A page here is the list of its tags."""

import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import parse_qsl, quote, urldefrag, urlsplit, urlunsplit

from tasks.crawl.engines.engine import PageLimitError
from tasks.crawl.engines.html_tags import Tag
from tasks.crawl.engines.parsing import may_be_url, web_url

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
MAX_URLS = 20_000
"""Different images, and different links, of a page; resolving so many takes about a second."""
MAX_SRCSET_COMMAS = 200_000
"""Commas in all srcsets of a page: it has no more candidates than these, some microseconds each."""
_SRCSET_URL = re.compile(r"[^\s,]\S*")
"""A URL may contain commas, but not begin with one."""
_SRCSET_DESCRIPTOR = re.compile(r"[^,]*")
_NUMBER = re.compile(r"\d{1,6}(?:\.\d{1,6})?")
_SAFE = "%/:?#[]@!$&'()*+,;=~"
_Candidate = tuple[float, str]
"""The number in an image's srcset descriptor (width, density or height), and the image's URL."""


def base_url(page: Sequence[Tag], url: str) -> str:
    """Return the URL that a page's links are relative to: its `<base href>`, or its own URL."""
    hrefs = (tag.attributes["href"] for tag in page if tag.name == "base" and "href" in tag.attributes)
    return web_url(next(hrefs, None), url) or url


def robots_directives(page: Sequence[Tag]) -> set[str]:
    """Return the directives in the page's `<meta name="robots">` tags, in lower case."""
    values = (tag.attributes for tag in page if tag.name == "meta")
    robots = (value for value in values if value.get("name", "").strip().lower() == "robots")
    return set().union(*(split_directives(value.get("content", "")) for value in robots))


def split_directives(content: str) -> set[str]:
    """Return the directives in the value of a robots tag or header, in lower case."""
    return {word.strip().lower() for word in content.split(",")}


def image_urls(page: Sequence[Tag], base: str) -> list[str]:
    """Return the images of a page in its order, each once and at its largest size; its preview image comes last.

    Raises:
        PageLimitError: There are more than `MAX_URLS`.
    """
    sources = _each_once(_image_sources(page), "images")
    return list(dict.fromkeys(url for found in sources if (url := _image_url(found, base))))


def page_links(page: Sequence[Tag], base: str, url: str) -> list[str]:
    """Return the links to other pages of the same host, each once.

    Args:
        page: The page.
        base: URL that the links are relative to.
        url: URL of the page.

    Raises:
        PageLimitError: There are more than `MAX_URLS`.
    """
    host = urlsplit(url).netloc.lower()
    found: dict[str, None] = {}
    links = (tag for tag in page if tag.name in ("a", "area") and "href" in tag.attributes)
    for href in _each_once((tag.attributes["href"] for tag in links if not _is_nofollow(tag)), "links"):
        link = web_url(href, base)
        if link is None:
            continue
        link = quote_url(urldefrag(link).url)
        parts = urlsplit(link)
        if parts.netloc.lower() == host and not _IMAGE.search(parts.path) and _is_page(parts.path, parts.query):
            found[link] = None
    found.pop(quote_url(urldefrag(url).url), None)
    return list(found)


def quote_url(url: str) -> str:
    """Percent-encode the non-ASCII characters of a URL; encoded characters stay unchanged."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=quote(parts.path or "/", safe=_SAFE), query=quote(parts.query, safe=_SAFE)))


def largest_in_srcset(srcset: str) -> _Candidate | None:
    """Return the number and URL of the largest image in a srcset, the first of equals; None if there is none."""
    found: _Candidate | None = None
    text, position = srcset[:20_000], 0
    while match := _SRCSET_URL.search(text, position):
        url, position = match[0], match.end()
        descriptor = ""
        if not url.endswith(",") and (match := _SRCSET_DESCRIPTOR.match(text, position)):
            descriptor, position = match[0], match.end()
        size = _size(descriptor)
        if found is None or size > found[0]:
            found = size, url.rstrip(",")
    return found


def _size(descriptor: str) -> float:
    number = descriptor.strip().rstrip("wxh")
    return float(number) if _NUMBER.fullmatch(number) else 1.0


def _each_once(urls: Iterable[str], what: str) -> Iterator[str]:
    """Yield different URLs; raises PageLimitError if they are too many."""
    seen: set[str] = set()
    for url in urls:
        if url not in seen:
            seen.add(url)
            if len(seen) > MAX_URLS:
                raise PageLimitError(f"the page has more than {MAX_URLS:,} different {what}")
            yield url


def _image_sources(page: Sequence[Tag]) -> Iterator[str]:
    linked: set[int] = set()
    """Positions of tags within a link to an image."""
    picture_sources: dict[int, list[_Candidate]] = {}
    """Per position of a tag within a `<picture>`: the largest of its sources so far, shared by all tags within it."""
    if sum(tag.attributes.get(name, "").count(",") for tag in page for name in _SRCSET_ATTRIBUTES) > MAX_SRCSET_COMMAS:
        raise PageLimitError("the page has too many images in srcset")
    for position, tag in enumerate(page):
        is_link = tag.name == "a" and _is_image_link(tag)
        if is_link or tag.parent in linked:
            linked.add(position)
        sources = [] if tag.name == "picture" else picture_sources.get(tag.parent)
        if sources is not None:
            picture_sources[position] = sources
        if is_link:
            yield tag.attributes["href"]
        elif tag.name == "source" and sources is not None:
            sources[:] = _largest_of([*sources, *_srcset_candidates(tag)])
        elif tag.name == "img" and position not in linked:  # within a link to an image, it is a thumbnail
            best = _largest_of([*(sources or ()), *_srcset_candidates(tag)])
            source = best[0][1] if best else next(filter(None, map(tag.attributes.get, (*_LAZY, "src"))), None)
            if source:
                yield source
    for tag in page:
        if tag.name == "meta" and "content" in tag.attributes:
            about = tag.attributes.get("property") or tag.attributes.get("name") or ""
            if about.lower() in ("og:image", "og:image:secure_url", "twitter:image"):
                yield tag.attributes["content"]


def _srcset_candidates(tag: Tag) -> list[_Candidate]:
    """Return the largest image of each srcset attribute of a tag, except vector images."""
    if "svg" in tag.attributes.get("type", ""):
        return []
    sets = filter(None, map(tag.attributes.get, _SRCSET_ATTRIBUTES))
    return [best for srcset in sets if (best := largest_in_srcset(srcset))]


def _largest_of(found: list[_Candidate]) -> list[_Candidate]:
    """Return a list with only the largest candidate, the first of equals; an empty list if there is none."""
    return [max(found, key=lambda best: best[0])] if found else []


def _is_image_link(tag: Tag) -> bool:
    href = tag.attributes.get("href", "")
    try:
        return may_be_url(href) and bool(_IMAGE.search(urlsplit(href).path)) and not _is_nofollow(tag)
    except ValueError:
        return False


def _image_url(found: str, base: str) -> str | None:
    url = web_url(found, base)
    return None if url is None or _VECTOR.search(urlsplit(url).path) else quote_url(urldefrag(url).url)


def _is_nofollow(tag: Tag) -> bool:
    return "nofollow" in tag.attributes.get("rel", "").lower().split()


def _is_page(path: str, query: str) -> bool:
    if _NOT_A_PAGE.search(path) or any(_IGNORED.fullmatch(part) for part in path.split("/")):
        return False
    parameters = parse_qsl(query, keep_blank_values=True)
    return len(parameters) <= _MAX_PARAMETERS and not any(_IGNORED.search(name + value) for name, value in parameters)
