"""Statistics of a crawl: what each search found, which photos were kept, and why the other URLs were dropped."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# Outcomes of a URL. They are stored in dropped.parquet and in the manifest's counts, so they don't change.
KEPT = "kept"
SAME_PHOTO = "same photo at another URL"
NOT_NEEDED = "enough"
"""Not needed, because its class has enough photos."""
BLOCKLISTED = "forgotten"
RETRY_LATER = "failed before"
"""Failed in an earlier crawl, and its next try isn't due yet; the outcome begins with this, the reason follows."""
TOO_SMALL = "too small"
TOO_NARROW = "too narrow"
TOO_MANY_PIXELS = "too many pixels"
"""Not downloaded because of the size that the engine states (`tasks.crawl.selection.size_problem`); TOO_MANY_PIXELS is
also the reason of a photo that was downloaded."""
ENDED_EARLY = ("interrupted", "out of time", "out of bytes")
"""Not tried, because the crawl had ended; see `tasks.crawl.http.cancel`."""
_GOOD = (KEPT, SAME_PHOTO, NOT_NEEDED)


@dataclass(frozen=True)
class SearchStats:
    """Statistics of one search of one engine for one class."""

    label: str
    engine: str
    query: str
    pages: int
    """Pages of results that were read."""
    new: int
    """URLs that no earlier crawl had found."""
    outcomes: Mapping[str, str]
    """Per URL found: KEPT, SAME_PHOTO, NOT_NEEDED, or why it was dropped."""
    error: str | None
    """Why the search failed or ended early."""
    transient: bool = False
    """Whether the error may pass: no response, HTTP 429 or 5xx."""
    photos: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of the photo of each URL that has one."""

    @property
    def counts(self) -> Counter[str]:
        """Number of URLs per outcome."""
        return Counter(self.outcomes.values())


@dataclass(frozen=True)
class CrawlStats:
    """Statistics of all searches of a crawl."""

    searches: Sequence[SearchStats]
    photos: Mapping[str, int]
    """Per class: its number of photos after the crawl."""
    in_two_classes: int = 0
    """Photos that are in more than one class."""
    fetched: int = 0
    """Photos downloaded in this crawl."""
    unreachable: int = 0
    """Photos that weren't downloaded for a reason that may pass: no response, HTTP 429 or 5xx."""
    requests: int = 0
    bytes: int = 0
    """Bytes received."""
    notes: Sequence[str] = field(default_factory=list)
    """Further warnings for the user, one sentence each."""

    @property
    def outcomes(self) -> Counter[str]:
        """Number of URLs per outcome; a URL counts once per class."""
        found = {(search.label, url): outcome for search in self.searches for url, outcome in search.outcomes.items()}
        return Counter(found.values())

    @property
    def dropped(self) -> Counter[str]:
        """Number of dropped URLs per reason; all that wait for another try count as one reason."""
        dropped: Counter[str] = Counter()
        for reason, count in self.outcomes.items():
            if reason not in _GOOD:
                dropped[RETRY_LATER if reason.startswith(RETRY_LATER) else reason] += count
        return dropped

    def lost(self) -> dict[str, str]:
        """Return the URLs that can't be had, with the reason; not those that the user or the time limit excluded."""
        excluded = (*_GOOD, BLOCKLISTED, *ENDED_EARLY)
        return {
            url: outcome
            for search in self.searches
            for url, outcome in search.outcomes.items()
            if outcome not in excluded
        }

    def underfilled(self) -> dict[str, int]:
        """Return the classes with less than half of the mean number of photos, with their numbers."""
        mean = sum(self.photos.values()) / max(len(self.photos), 1)
        return {label: count for label, count in self.photos.items() if count < mean / 2}

    def may_find(self, missing: float) -> bool:
        """Whether so many missing photos may be found soon, because what failed may pass."""
        return self.unreachable >= missing > 0 or any(search.transient for search in self.searches)

    def yield_count(self, per_class: int | None) -> tuple[int, int]:
        """Return how many photos this crawl found and how many were wanted; see `CrawlConfig.min_yield`.

        Wanted are `per_class` photos of each class. A full class, which isn't searched for, counts as having found all
        of them. Without `per_class`, all URLs found are wanted. One photo at many URLs (such as a placeholder "not
        available") counts once.
        """
        good: dict[str, set[str]] = {}
        found: dict[str, set[str]] = {}
        for search in self.searches:
            found.setdefault(search.label, set()).update(search.outcomes)
            good.setdefault(search.label, set()).update(
                search.photos.get(url, url) for url, outcome in search.outcomes.items() if outcome in _GOOD
            )
        if per_class is not None:
            full = [count for label, count in self.photos.items() if label not in good]
            searched = [len(photos) for photos in good.values()]
            return sum(min(count, per_class) for count in full + searched), per_class * len(full + searched)
        return sum(map(len, good.values())), sum(map(len, found.values()))

    def counts(self) -> dict[str, int]:
        """Return the counts for the manifest; those below `dropped` only if they aren't 0."""
        outcomes = self.outcomes
        dropped = self.dropped
        optional = {
            "failed searches": sum(search.error is not None for search in self.searches),
            "weak classes": len(self.underfilled()),
            SAME_PHOTO: outcomes[SAME_PHOTO],
            **{f"dropped ({reason})": count for reason, count in dropped.most_common()},
        }
        return {
            "searches": len(self.searches),
            "found": outcomes.total(),
            "fetched": self.fetched,
            "dropped": dropped.total(),
            "requests": self.requests,
            "MB": round(self.bytes / 1e6),
            **{name: count for name, count in optional.items() if count},
        }

    def search_rows(self) -> list[dict[str, str | int | None]]:
        """Return the rows of `searches.parquet`: one per search."""
        return [
            {
                "label": search.label,
                "engine": search.engine,
                "query": search.query,
                "pages": search.pages,
                "found": len(search.outcomes),
                "new": search.new,
                "kept": search.counts[KEPT],
                "dropped": json.dumps({how: n for how, n in search.counts.items() if how != KEPT}, ensure_ascii=False),
                "trouble": search.error,
            }
            for search in self.searches
        ]

    def dropped_rows(self) -> list[dict[str, str]]:
        """Return the rows of `dropped.parquet`: one per search and URL that isn't kept, with the reason."""
        return [
            {"label": search.label, "engine": search.engine, "query": search.query, "url": url, "reason": outcome}
            for search in self.searches
            for url, outcome in search.outcomes.items()
            if outcome != KEPT
        ]
