"""What to search for, per class: from the config, or from a text file with a class on each line."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from configs.schema import CrawlConfig
from tasks.crawl.engines.engine import Engine
from tasks.crawl.local_files import given
from tasks.crawl.result import require_two_classes
from tasks.store import hashing
from tasks.store.errors import UserError

Keywords = Mapping[str, Sequence[str]]
"""Queries of each class."""


def keywords_of(config: CrawlConfig) -> Keywords:
    """The queries of each class, each once; raises UserError if there are none, or only those of one class."""
    if isinstance(config.keywords, Path):
        path = given(config.keywords, "crawl.keywords", "keywords.txt")
        where, keywords = str(path), read(path)
    else:
        where, keywords = "crawl.keywords", {label: tuple(dict.fromkeys(q)) for label, q in config.keywords.items()}
    for label, queries in keywords.items():
        blank = not label.strip() or any(not query.strip() for query in queries)
        if blank:
            raise UserError(f"{where}: class {label!r} has an empty name or an empty query; write it out, or remove it")
    remedy = "give queries for two at least, as crawl.keywords or in a file with lines `class: query, query`"
    require_two_classes((label for label, queries in keywords.items() if queries), where, remedy, of="classes")
    for label, queries in keywords.items():
        if not queries:
            raise UserError(f"{where}: class {label!r} has no query; give it one, or remove it")
    return keywords


def external_inputs(config: CrawlConfig) -> dict[str, str | int]:
    """A digest of the keywords, if they are in a file, which may change while the config stays; raises as above."""
    keywords = keywords_of(config)
    return {"keywords": hashing.of_value(sorted(keywords.items()))[:24]} if isinstance(config.keywords, Path) else {}


def further(keywords: Keywords, config: CrawlConfig) -> Keywords:
    """What to search for, too, if a class has few photos."""
    return {
        label: [pattern.replace("{}", query) for pattern in config.top_up for query in queries]
        for label, queries in keywords.items()
    }


def require_askable(engines: Sequence[Engine], config: CrawlConfig) -> None:
    """Raise UserError for what an engine doesn't offer, and for missing credentials, before anybody is asked."""
    keywords = keywords_of(config)
    for engine in engines:
        for queries in (*keywords.values(), *further(keywords, config).values()):
            for query in queries:
                engine.build_request(query, config.filters)


def read(path: Path) -> dict[str, tuple[str, ...]]:
    """Read lines `class: query, query`; a line without a colon is a class that is searched for by its own name.

    Empty lines and what follows a # at the beginning of a line don't count; a class may have several lines.
    Raises UserError, with the line, if it isn't such a file.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: can't be read ({error}); it must be a text file in UTF-8") from error
    found: dict[str, dict[str, None]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        label, colon, rest = line.partition(":")
        label = label.strip()
        queries = [query.strip() for query in rest.split(",") if query.strip()] if colon else [label]
        is_wide = not colon and "\uff1a" in line  # of a Chinese, Japanese or Korean keyboard
        if not label or not queries or is_wide:
            raise UserError(f"{path}, line {number}: {line.strip()!r}; write it as `class: query, query`")
        found.setdefault(label, {}).update(dict.fromkeys(queries))
    return {label: tuple(queries) for label, queries in found.items()}
