"""The search queries of each class: from the config, or from a text file with one class per line."""

import io
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from configs.redact import strip_login
from configs.schema import CrawlConfig
from tasks.crawl.engines.engine import Engine
from tasks.crawl.listing.files import require_path
from tasks.crawl.result import require_two_classes
from tasks.names import nfc
from tasks.store import hashing
from tasks.store.errors import UserError

Keywords = Mapping[str, Sequence[str]]
"""Per class: its queries."""

_COLONS, _COMMAS, _SEMICOLONS = ":：﹕︰∶", ",，、﹐﹑､،", ";；﹔؛"
_COMMENT = re.compile(r"^\s*[#＃].*|\s[#＃](\s.*|$)")


def keywords_of(config: CrawlConfig) -> Keywords:
    """Return the queries of each class, each query once.

    Raises:
        UserError: there are fewer than two classes, or a class has no query or an empty one.
    """
    if isinstance(config.keywords, Path):
        path = require_path(config.keywords, "crawl.keywords", "keywords.txt")
        where, keywords = str(path), read_keywords(path)
        keywords = {strip_login(label): tuple(map(strip_login, queries)) for label, queries in keywords.items()}
    else:
        merged: dict[str, dict[str, None]] = {}
        for label, queries in config.keywords.items():
            merged.setdefault(nfc(label), {}).update(dict.fromkeys(queries))
        where, keywords = "crawl.keywords", {label: tuple(queries) for label, queries in merged.items()}
    for label, queries in keywords.items():
        if not label.strip() or any(not query.strip() for query in queries):
            raise UserError(f"{where}: class {label!r} has an empty name or an empty query; fill it in, or remove it")
    remedy = "give queries for at least two, as crawl.keywords or in a file with lines `class: query, query`"
    require_two_classes((label for label, queries in keywords.items() if queries), where, remedy, of="classes")
    for label, queries in keywords.items():
        if not queries:
            raise UserError(f"{where}: class {label!r} has no query; add one, or remove the class")
    return keywords


def external_inputs(config: CrawlConfig) -> dict[str, str | int]:
    """Return a digest of the keywords if they are in a file, since the file may change while the config stays.

    Raises:
        UserError: as `keywords_of`.
    """
    keywords = keywords_of(config)
    return {"keywords": hashing.of_value(sorted(keywords.items()))[:24]} if isinstance(config.keywords, Path) else {}


def top_up_queries(keywords: Keywords, config: CrawlConfig) -> Keywords:
    """Return the additional queries (`crawl.top_up`) for classes with few photos."""
    return {
        label: [pattern.replace("{}", query) for pattern in config.top_up for query in queries]
        for label, queries in keywords.items()
    }


def validate_queries(engines: Sequence[Engine], config: CrawlConfig) -> None:
    """Check that each engine can build a request for each query, before any request is sent.

    Raises:
        UserError: an engine doesn't support a filter or a query, or its credentials are missing.
    """
    keywords = keywords_of(config)
    for engine in engines:
        for queries in (*keywords.values(), *top_up_queries(keywords, config).values()):
            for query in queries:
                engine.build_request(query, config.filters)


def read_keywords(path: Path) -> dict[str, tuple[str, ...]]:
    """Read lines `class: query, query`; in a line without a colon, the class's name is also its query.

    Empty lines are ignored, and so are lines that begin with # and what follows a # between blanks. A class may have
    several lines. The marks # : and , may be those of Arabic, Chinese, Japanese and Korean keyboards. In a line such as
    `1:30: clock`, the class is what YAML takes for it: 1:30.

    Raises:
        UserError: The file isn't UTF-8 text, or a line isn't written like that; the message names the line.
    """
    if path.exists() and not path.is_file():
        raise UserError(f"{path} is no file; crawl.keywords must name a text file with lines `class: query, query`")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot read ({error}); it must be a text file in UTF-8") from error
    found: dict[str, dict[str, None]] = {}
    lines: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(io.StringIO(text), 1):
        words = _COMMENT.sub("", line).strip()
        if not words:
            continue
        label, colon, rest = _partition(words)
        queries = [query.strip() for query in re.split(f"[{_COMMAS}]", rest) if query.strip()] if colon else [label]
        if problem := _problem(label, queries, rest, has_colon=bool(colon)):
            raise UserError(f"{path}, line {number}: {line.strip()!r}{problem}; write it as `class: query, query`")
        first, first_number = lines.setdefault(label.casefold(), (label, number))
        if first != label:
            raise UserError(
                f"{path}, line {number}: class {label!r} differs from {first!r} of line {first_number} only in case; "
                "write both alike to join them, or add a word to tell them apart"
            )
        found.setdefault(label, {}).update(dict.fromkeys(queries))
    return {label: tuple(queries) for label, queries in found.items()}


def _partition(words: str) -> tuple[str, str, str]:
    """Split a line at its first colon, or at that after a time of day: `1:30: clock`."""
    time = re.match(rf"\d+(:\d+)+(?=\s*(:(\s|$)|[{_COLONS[1:]}]))", words)
    colon = re.compile(f"[{_COLONS}]").search(words, time.end() if time else 0)
    if not colon:
        return nfc(words), "", ""
    return nfc(words[: colon.start()].strip()), colon[0], words[colon.end() :]


def _problem(label: str, queries: list[str], rest: str, *, has_colon: bool) -> str:
    """Say what is wrong with a line; an empty text if nothing is."""
    separated = "\t" in label or (not has_colon and re.search(rf"[{_COMMAS}{_SEMICOLONS}|]|\s(=|[-=]?>|→)\s", label))
    problems = {
        " has no class": not label,
        " has no query": not queries,
        " has a # after a blank: write `# ` with a blank after it for a comment, or leave it out": re.search(
            r"\s[#＃]",
            f"{label} {rest}",
        ),
        " has a URL, but no class before it": has_colon and rest.startswith("//"),
        " begins with a mark of a list or a comment, or is a line between parts of a file": re.match(
            r"([-*•+]|//|--)\s|[-=_*.]{3,}$|[\[{]$", label
        ),
        " has several values before a colon": separated,
        " can be a class and its query, or a time: write `11: 30`, or `11:30: 11:30`": re.fullmatch(r"\d+", label)
        and re.fullmatch(r"\d\d(:\d\d)?", rest),
        " has quotes around the class": re.fullmatch("\".*\"|'.*'|“.*”|‘.*’", label),
        " has brackets around the queries": re.fullmatch(r"\s*[\[{].*[\]},]", rest),
        " has a character that can't be seen, such as a line break": any(map(_is_control, "".join([label, *queries]))),
    }
    problems |= {
        f": {query!r} is not one query, because commas separate queries, also between quotes": True
        for query in queries
        if query.count('"') % 2 or ("://" not in query and re.search(rf"[{_SEMICOLONS}\t]", query))
    }
    return next((problem for problem, is_so in problems.items() if is_so), "")


def _is_control(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Zl", "Zp")
