"""What came of each search: asked, found, kept, and why the rest was dropped. A crawl is never silent."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tasks.tables import SEARCHES
from tasks.text import markdown

KEPT = "kept"
SAME = "same photo at another URL"
ENOUGH = "enough"
"""Not needed, since its class has its photos."""
WAITS = "failed before"
"""The beginning of why a URL isn't fetched that failed on an earlier night, and waits for another try."""
_GOOD = (KEPT, SAME, ENOUGH)
_HINTS = {
    "private address": "crawl.private_hosts=[HOST:PORT] names hosts of your own that may be asked",
    "too many pixels": "crawl.max_photo_mpx is the limit",
    "too large": "crawl.max_photo_mb is the limit",
    "robots.txt": "the sites don't want programs there; crawl.robots says how far that is respected",
    "noai": "they are not to be used for training; crawl.robots says how far that is respected",
    "out of time": "crawl.deadline_s is the limit",
    "out of bytes": "crawl.max_gb is the limit",
}
"""What has to do with a setting, by the reason for which a URL was dropped."""
_SHOWN = 60
"""Lines of the summary's table; the Parquet file has all."""


@dataclass(frozen=True)
class Line:
    """One search of one engine for one class."""

    label: str
    engine: str
    query: str
    pages: int
    """Pages of results that were read."""
    new: int
    """URLs that no earlier crawl had found."""
    outcomes: Mapping[str, str]
    """Per URL that was found: KEPT, SAME, ENOUGH, or why it was dropped."""
    trouble: str | None
    """Why the search itself failed, or ended early."""
    photos: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of the photo of each URL that has one."""

    @property
    def counts(self) -> Counter[str]:
        """How many URLs had each outcome."""
        return Counter(self.outcomes.values())


@dataclass(frozen=True)
class Tally:
    """All searches of a crawl, and the photos that each class has after it."""

    lines: Sequence[Line]
    photos: Mapping[str, int]
    twice: int = 0
    """Photos that are in more than one class."""
    fetched: int = 0
    requests: int = 0
    bytes: int = 0
    notes: Sequence[str] = field(default_factory=list)
    """What else the user should know, a sentence each."""

    @property
    def outcomes(self) -> Counter[str]:
        """How many URLs had each outcome, each once per class."""
        found = {(line.label, url): outcome for line in self.lines for url, outcome in line.outcomes.items()}
        return Counter(found.values())

    @property
    def dropped(self) -> Counter[str]:
        """How many URLs were dropped, for each reason; all that wait for another try are one."""
        dropped: Counter[str] = Counter()
        for reason, count in self.outcomes.items():
            if reason not in _GOOD:
                dropped[WAITS if reason.startswith(WAITS) else reason] += count
        return dropped

    def weak(self) -> dict[str, int]:
        """Classes with fewer than half of the mean's photos."""
        mean = sum(self.photos.values()) / max(len(self.photos), 1)
        return {label: count for label, count in self.photos.items() if count < mean / 2}

    def came_in(self, per_class: int | None) -> tuple[int, int]:
        """How many photos came in tonight, and how many were wanted; see `CrawlConfig.min_yield`.

        Wanted are `per_class` photos of each class, of which a full one, for which nobody was asked, has all; without
        that number, all that was found. The same photo at many URLs (`not available`, say) came in once.
        """
        good: dict[str, set[str]] = {}
        found: dict[str, set[str]] = {}
        for line in self.lines:
            found.setdefault(line.label, set()).update(line.outcomes)
            good.setdefault(line.label, set()).update(
                line.photos.get(url, url) for url, how in line.outcomes.items() if how in _GOOD
            )
        if per_class is not None:
            full = [count for label, count in self.photos.items() if label not in good]
            tonight = [len(photos) for photos in good.values()]
            return sum(min(count, per_class) for count in full + tonight), per_class * len(full + tonight)
        return sum(map(len, good.values())), sum(map(len, found.values()))

    def counts(self) -> dict[str, int]:
        """The numbers for the manifest."""
        outcomes = self.outcomes
        dropped = self.dropped
        notable = {
            "failed searches": sum(line.trouble is not None for line in self.lines),
            "weak classes": len(self.weak()),
            SAME: outcomes[SAME],
            **{f"dropped ({reason})": count for reason, count in dropped.most_common()},
        }
        return {
            "searches": len(self.lines),
            "found": outcomes.total(),
            "fetched": self.fetched,
            "dropped": dropped.total(),
            "requests": self.requests,
            "MB": round(self.bytes / 1e6),
            **{name: count for name, count in notable.items() if count},
        }

    def headline(self) -> str:
        """The crawl in a sentence."""
        dropped, same = self.dropped, self.outcomes[SAME]
        why = ", ".join(f"{count:,} {reason}" for reason, count in dropped.most_common(5))
        more = ", ..." if len(dropped) > 5 else ""
        twice = f" ({self.twice:,} of them in two classes)" if self.twice else ""
        return (
            f"{sum(self.photos.values()) - self.twice:,} photos{twice} of {len(self.photos):,} classes are there now: "
            f"{len(self.lines):,} searches found {self.outcomes.total():,} URLs, {self.fetched:,} photos were fetched, "
            f"{dropped.total():,} URLs dropped"
            + (f" ({why}{more})" if why else "")
            + (f", {same:,} {SAME}" if same else "")
        )

    def warnings(self) -> list[str]:
        """What somebody should look at, a sentence each."""
        said = list(self.notes)
        troubled: dict[tuple[str, str], list[str]] = {}
        for line in self.lines:
            if line.trouble:
                troubled.setdefault((line.engine, line.trouble), []).append(f"{line.query!r}")
        said += [f"{engine}: {trouble} ({_some(queries)})" for (engine, trouble), queries in troubled.items()]
        dropped = self.dropped
        said += [f"{dropped[reason]:,} x {reason}: {hint}" for reason, hint in _HINTS.items() if dropped[reason]]
        empty = [f"{line.query!r}" for line in self.lines if not line.outcomes and not line.trouble]
        if empty:
            said.append(f"no photos were found for {_some(empty)}")
        if weak := self.weak():
            names = ", ".join(
                f"{label} ({count:,})" for label, count in sorted(weak.items(), key=lambda item: item[1])[:10]
            )
            said.append(f"{len(weak)} of {len(self.photos)} classes have fewer than half of the mean's photos: {names}")
        return said

    def summary(self) -> str:
        """The crawl in Markdown, for the dashboard and for `summary.md`; the headline first."""
        parts = [f"**{self.headline()}**", *(f"- {markdown(warning)}" for warning in self.warnings())]
        head = "| class | engine | query | pages | found | new | kept | dropped |\n|---|---|---|---|---|---|---|---|"
        rows = [_row(line) for line in self.lines[:_SHOWN]]
        parts.append(
            "*found*: URLs that the search gave, of which *new* were unknown so far and *kept* are photos of the "
            "class; the same URL may be in several searches. *dropped* is everything else."
        )
        if len(self.lines) > _SHOWN:
            parts.append(f"The first {_SHOWN} of {len(self.lines):,} searches; {SEARCHES.name} has all.")
        return "\n\n".join(parts) + "\n\n" + "\n".join([head, *rows]) + "\n"

    def searches(self) -> list[dict[str, str | int | None]]:
        """Rows of `searches.parquet`: one per search."""
        return [
            {
                "label": line.label,
                "engine": line.engine,
                "query": line.query,
                "pages": line.pages,
                "found": len(line.outcomes),
                "new": line.new,
                "kept": line.counts[KEPT],
                "dropped": json.dumps({how: n for how, n in line.counts.items() if how != KEPT}, ensure_ascii=False),
                "trouble": line.trouble,
            }
            for line in self.lines
        ]

    def drops(self) -> list[dict[str, str]]:
        """Rows of `dropped.parquet`: one per URL and search that isn't kept, with the reason."""
        return [
            {"label": line.label, "engine": line.engine, "query": line.query, "url": url, "reason": how}
            for line in self.lines
            for url, how in line.outcomes.items()
            if how != KEPT
        ]


def _some(names: Sequence[str]) -> str:
    """The first few of many names, and how many there are."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")


def _row(line: Line) -> str:
    counts = line.counts
    rest = [f"{count:,} {markdown(how)}" for how, count in counts.most_common() if how != KEPT]
    if line.trouble:
        rest.insert(0, markdown(line.trouble))
    cells = (
        markdown(line.label),
        line.engine,
        markdown(line.query),
        line.pages,
        len(line.outcomes),
        line.new,
        counts[KEPT],
    )
    return "| " + " | ".join([*map(str, cells), ", ".join(rest)]) + " |"
