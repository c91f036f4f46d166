"""Parse HTML that strangers wrote into a list of tags, within limits on time and memory.

lxml calls back for each tag, and no tree is built: BeautifulSoup, which builds one, took 81 s and 1.5 GB for 10 MB of
`<b>`. lxml itself is linear in the length of the page, with three exceptions, for which there are limits: many tags,
many attributes of one tag, and end tags without a start tag in a deeply nested page (for each, all open tags are
searched).
"""

import codecs
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from tasks.crawl.engines.engine import PageLimitError

MAX_TAGS = 200_000
"""Tags of a page. The longest pages that people write, such as the HTML standard on one page, have fewer."""
MAX_ATTRIBUTES = 400_000
"""Attributes of all tags of a page."""
MAX_TEXTS = 1_000_000
"""Pieces of text of a page: one for each entity, each stray `<` and each few hundred characters."""
_MAX_SEPARATORS = 300_000
"""Blanks, slashes and quotes in one tag, which has no more attributes than these."""
_MAX_STEPS = 100_000_000
"""Open tags to search for all end tags, at most; some 6 ns each. A page of usual depth needs a few million."""
_CHUNK_BYTES = 1 << 14
_SEPARATORS = b" \t\r\n\f/\"'"
_TAG_BEGINS = re.compile(rb"<[A-Za-z]")
_RAW_TEXT = frozenset({"script", "style", "textarea", "title", "iframe", "xmp", "noembed", "noframes", "plaintext"})
"""Within these, nothing begins a tag."""
_DECLARED_WITHIN_BYTES = 20_000
_DECLARED = re.compile(
    rb"""^\s{0,100}<\?xml[^<>]{0,500}?encoding\s{0,9}=\s{0,9}["']([\w:.-]{1,40})"""
    rb"""|<\s{0,9}meta[^<>]{1,1000}?charset\s{0,9}=\s{0,9}["']?\s{0,9}([\w:.-]{1,40})""",
    re.IGNORECASE,
)
_BOMS = (  # the longer ones first: that of UTF-32 begins with that of UTF-16
    (BOM_UTF32_LE, "utf-32-le"),
    (BOM_UTF32_BE, "utf-32-be"),
    (BOM_UTF8, "utf-8"),
    (BOM_UTF16_LE, "utf-16-le"),
    (BOM_UTF16_BE, "utf-16-be"),
)
_NO_CHARSET = re.compile("utf-?(7|16|32)|punycode|idna|.*escape|undefined|mbcs|oem")
"""Codecs of Python that no page can declare: it would not be ASCII, or the codec is no charset."""
_GUESSED_BYTES = 50_000
_WITHOUT_TEXT = ("script", "style", "template")
_NO_ATTRIBUTES: Mapping[str, str] = {}


class Tag(NamedTuple):
    """A tag of a page."""

    name: str
    """In lower case."""
    attributes: Mapping[str, str]
    """By name in lower case; an attribute without a value is empty."""
    parent: int
    """Position of the tag that contains it, which is before it; -1 if there is none."""

    def words(self, attribute: str) -> set[str]:
        """Return the words of an attribute, such as the classes of a tag; none if it is missing."""
        return set(self.attributes.get(attribute, "").split())


def parse_tags(body: bytes) -> list[Tag]:
    """Return the tags of a page in its order, with those that HTML lets an author leave out.

    Args:
        body: The page in any encoding: that of its byte order mark, the one that it declares, UTF-8, or a guess.

    Raises:
        PageLimitError: The page has too many tags or attributes, or is nested too deeply.
    """
    target = _Tags()
    body = _to_utf8(body)
    parser = _parser(target)
    steps = separators = silent_since = 0
    for start in range(0, len(body), _CHUNK_BYTES):
        chunk = body[start : start + _CHUNK_BYTES]
        tags, events = len(target.tags), target.events + target.texts
        target.deepest = len(target.open)
        parser.feed(chunk)
        # Each tag that has begun has its own `<`; the others may be end tags without a start tag.
        steps += target.deepest * max(0, chunk.count(b"<") - (len(target.tags) - tags))
        if target.events + target.texts > events:
            separators, silent_since = 0, start
        separators += len(chunk) - len(chunk.translate(None, _SEPARATORS))
        if len(target.tags) > MAX_TAGS:
            raise PageLimitError(f"the page has more than {MAX_TAGS:,} tags")
        if target.attributes > MAX_ATTRIBUTES:
            raise PageLimitError(f"the page has more than {MAX_ATTRIBUTES:,} attributes")
        if target.texts > MAX_TEXTS:
            raise PageLimitError(f"the page has more than {MAX_TEXTS:,} pieces of text")
        if steps > _MAX_STEPS:
            raise PageLimitError("the page is nested too deeply")
        if separators > _MAX_SEPARATORS:  # of a tag that hasn't ended, or of a comment or script
            if target.innermost not in _RAW_TEXT and _TAG_BEGINS.search(body, silent_since, start):
                raise PageLimitError("a tag of the page is too long")
            separators, silent_since = 0, start
    _close(parser)
    return target.tags


def text_of(fragment: str) -> str:
    """Return the text of a short HTML fragment, with a blank for each tag; without that of scripts and styles."""
    target = _Text()
    parser = _parser(target)
    parser.feed(fragment.encode("utf-8", "replace"))
    _close(parser)
    return "".join(target.parts)


class _Tags:
    """What lxml calls for each part of a page."""

    def __init__(self) -> None:
        self.tags: list[Tag] = []
        self.open: list[int] = []
        """Positions of the tags that haven't ended."""
        self.deepest = self.attributes = self.events = self.texts = 0
        self._names: dict[str, str] = {}
        """Each name once, because lxml makes a new string for each tag."""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Add a tag."""
        self.events += 1
        self.attributes += len(attributes)
        parent = self.open[-1] if self.open else -1
        self.open.append(len(self.tags))
        self.deepest = max(self.deepest, len(self.open))
        kept = dict(attributes) if attributes else _NO_ATTRIBUTES
        self.tags.append(Tag(self._names.setdefault(name, name), kept, parent))

    def end(self, name: str) -> None:
        """End the last tag: lxml ends all tags in the opposite order of their beginnings."""
        self.events += 1
        if self.open:
            self.open.pop()

    def data(self, text: str) -> None:
        """Count a piece of text, which isn't kept."""
        self.texts += 1

    def close(self) -> None:
        """Do nothing at the end."""

    @property
    def innermost(self) -> str:
        """Name of the last tag that hasn't ended."""
        return self.tags[self.open[-1]].name if self.open else ""


class _Text:
    """The same for a fragment, of which only the text counts."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._hidden = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._hidden += name in _WITHOUT_TEXT
        self.parts.append(" ")

    def end(self, name: str) -> None:
        self._hidden -= name in _WITHOUT_TEXT
        self.parts.append(" ")

    def data(self, text: str) -> None:
        if not self._hidden:
            self.parts.append(text)

    def comment(self, text: str) -> None:
        self.parts.append(" ")

    def close(self) -> None:
        pass


def _parser(target: object) -> Any:
    from lxml import etree

    return etree.HTMLParser(target=target, encoding="utf-8")


def _close(parser: Any) -> None:
    from lxml import etree

    with suppress(etree.XMLSyntaxError):  # the page is empty
        parser.close()


def _to_utf8(body: bytes) -> bytes:
    """Return a page in UTF-8, without its byte order mark."""
    marked = next(((bom, encoding) for bom, encoding in _BOMS if body.startswith(bom)), None)
    bom, encoding = marked or (b"", _declared(body) or _guessed(body))
    body = body.removeprefix(bom)
    return body if encoding == "utf-8" else body.decode(encoding, "replace").encode("utf-8", "replace")


def _declared(body: bytes) -> str | None:
    """Return the encoding that a page declares, as Python calls it; None if Python doesn't know it."""
    found = _DECLARED.search(body, 0, _DECLARED_WITHIN_BYTES)
    if found is None:
        return None
    try:
        codec = codecs.lookup((found[1] or found[2]).decode("ascii", "replace"))
        b"a".decode(codec.name)  # LookupError: it is a codec for other things than text
    except (LookupError, ValueError):
        return None
    return None if _NO_CHARSET.match(codec.name) else codec.name


def _guessed(body: bytes) -> str:
    try:
        body.decode()
    except UnicodeDecodeError:
        from charset_normalizer import detect

        guess = detect(body[:_GUESSED_BYTES])["encoding"]
        return codecs.lookup(str(guess)).name if guess else "cp1252"
    return "utf-8"
