"""The search queries of each class: from the config, or from a text file with one class per line."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from configs.schema import CrawlConfig
from tasks.crawl.engines.engine import Engine
from tasks.crawl.local_files import require_path
from tasks.crawl.result import require_two_classes
from tasks.store import hashing
from tasks.store.errors import UserError

Keywords = Mapping[str, Sequence[str]]
"""Per class: its queries."""


def keywords_of(config: CrawlConfig) -> Keywords:
    """Return the queries of each class, each query once.

    Raises:
        UserError: there are fewer than two classes, or a class has no query or an empty one.
    """
    if isinstance(config.keywords, Path):
        path = require_path(config.keywords, "crawl.keywords", "keywords.txt")
        where, keywords = str(path), read_keywords(path)
    else:
        where, keywords = "crawl.keywords", {label: tuple(dict.fromkeys(q)) for label, q in config.keywords.items()}
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

    Empty lines and lines that begin with # are ignored. A class may have several lines.

    Raises:
        UserError: the file isn't UTF-8 text, or a line has no class or no query; the message names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot read ({error}); it must be a text file in UTF-8") from error
    found: dict[str, dict[str, None]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        label, colon, rest = line.partition(":")
        label = label.strip()
        queries = [query.strip() for query in rest.split(",") if query.strip()] if colon else [label]
        has_wide_colon = not colon and "\uff1a" in line  # typed on a Chinese, Japanese or Korean keyboard
        if not label or not queries or has_wide_colon:
            raise UserError(f"{path}, line {number}: {line.strip()!r}; write it as `class: query, query`")
        found.setdefault(label, {}).update(dict.fromkeys(queries))
    return {label: tuple(queries) for label, queries in found.items()}
