"""The statistics of a crawl as text: a headline, warnings, and `summary.md`."""

from collections.abc import Sequence

from tasks.crawl.stats import KEPT, SAME_PHOTO, TOO_MANY_PIXELS, TOO_NARROW, TOO_SMALL, CrawlStats, SearchStats
from tasks.tables.crawl import SEARCHES
from tasks.text import markdown

_HINTS = {
    "private address": "crawl.private_hosts=[HOST:PORT] allows hosts in private networks",
    TOO_SMALL: "not downloaded, because the engine says so; the limit is crawl.min_side_px",
    TOO_NARROW: "not downloaded, because the engine says so; the limit is crawl.min_aspect",
    TOO_MANY_PIXELS: "the limit is crawl.max_photo_mpx",
    "too large": "the limit is crawl.max_photo_mb",
    "robots.txt": "the sites forbid crawlers; crawl.robots sets where robots.txt is respected",
    "noai": "the sites forbid AI training on their photos; crawl.robots sets where noai is respected",
    "out of time": "the limit is crawl.deadline_s",
    "out of bytes": "the limit is crawl.max_gb",
}
"""The setting to look at, by the reason for which a URL was dropped."""
_MAX_TABLE_ROWS = 60
"""Rows of the table in the summary; searches.parquet has all."""


def headline(stats: CrawlStats) -> str:
    """Return the crawl in one sentence."""
    dropped, same = stats.dropped, stats.outcomes[SAME_PHOTO]
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in dropped.most_common(5))
    more = ", ..." if len(dropped) > 5 else ""
    in_two = f" ({stats.in_two_classes:,} of them in two classes)" if stats.in_two_classes else ""
    return (
        f"{sum(stats.photos.values()) - stats.in_two_classes:,} photos{in_two} of {len(stats.photos):,} classes are "
        f"stored now: {len(stats.searches):,} searches found {stats.outcomes.total():,} URLs, "
        f"{stats.fetched:,} photos were downloaded, {dropped.total():,} URLs were dropped"
        + (f" ({reasons}{more})" if reasons else "")
        + (f"; {same:,} URLs show the same photo as another URL" if same else "")
    )


def warnings(stats: CrawlStats) -> list[str]:
    """Return what the user should look at, one sentence each."""
    found = list(stats.notes)
    failed: dict[tuple[str, str], list[str]] = {}
    for search in stats.searches:
        if search.error:
            failed.setdefault((search.engine, search.error), []).append(f"{search.query!r}")
    found += [f"{engine}: {error} ({_first(queries)})" for (engine, error), queries in failed.items()]
    dropped = stats.dropped
    found += [f"{dropped[reason]:,} x {reason}: {hint}" for reason, hint in _HINTS.items() if dropped[reason]]
    empty = [f"{search.query!r}" for search in stats.searches if not search.outcomes and not search.error]
    if empty:
        found.append(f"no photos were found for {_first(empty)}")
    if underfilled := stats.underfilled():
        names = ", ".join(
            f"{label} ({count:,})" for label, count in sorted(underfilled.items(), key=lambda item: item[1])[:10]
        )
        found.append(
            f"{len(underfilled)} of {len(stats.photos)} classes have less than half of the mean number of photos: "
            f"{names}"
        )
    return found


def summary(stats: CrawlStats) -> str:
    """Return the crawl in Markdown, for `summary.md` and the dashboard; the headline comes first."""
    parts = [f"**{headline(stats)}**", *(f"- {markdown(warning)}" for warning in warnings(stats))]
    head = "| class | engine | query | pages | found | new | kept | dropped |\n|---|---|---|---|---|---|---|---|"
    rows = [_table_row(search) for search in stats.searches[:_MAX_TABLE_ROWS]]
    parts.append(
        "*found*: URLs that the search returned, of which *new* were not known before and *kept* are photos of the "
        "class; a URL may be found by several searches. *dropped*: all others."
    )
    if len(stats.searches) > _MAX_TABLE_ROWS:
        parts.append(
            f"The table has the first {_MAX_TABLE_ROWS} of {len(stats.searches):,} searches; {SEARCHES.name} has all."
        )
    return "\n\n".join(parts) + "\n\n" + "\n".join([head, *rows]) + "\n"


def _first(names: Sequence[str]) -> str:
    """Return the first five names, and how many more there are."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")


def _table_row(search: SearchStats) -> str:
    counts = search.counts
    dropped = [f"{count:,} {markdown(outcome)}" for outcome, count in counts.most_common() if outcome != KEPT]
    if search.error:
        dropped.insert(0, markdown(search.error))
    cells = (
        markdown(search.label),
        search.engine,
        markdown(search.query),
        search.pages,
        len(search.outcomes),
        search.new,
        counts[KEPT],
    )
    return "| " + " | ".join([*map(str, cells), ", ".join(dropped)]) + " |"
