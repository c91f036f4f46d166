"""A crawl of the net: engine after engine is asked, until each class has its photos."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from configs.schema import CrawlConfig, SearchFilters
from tasks.crawl.engines.engine import Engine
from tasks.crawl.keywords import Keywords, further, keywords_of, require_askable
from tasks.crawl.ledger.failures import still_holds
from tasks.crawl.ledger.ledger import Ledger, Photo
from tasks.crawl.ledger.results import Find, Search
from tasks.crawl.result import Harvest
from tasks.crawl.selection import Download, Orders, Query, Quota, downloads_of, kept, ordered, row_of
from tasks.crawl.stats import ENOUGH, KEPT, SAME, WAITS, Line, Tally
from tasks.crawl.workers import FORGOTTEN, Crawler
from tasks.store.atomic import atomic_write
from tasks.store.context import StageContext
from tasks.store.errors import UserError
from tasks.tables import SUMMARY

logger = logging.getLogger("fluke.crawl")

_EARLY = "the crawl was ended early: {}; --fresh crawl goes on"
_SPARE = 2
"""So many times the photos that are missing are looked for, since links die."""


def crawl(
    engines: Sequence[Engine],
    config: CrawlConfig,
    ledger: Ledger,
    context: StageContext,
    *,
    allowed: Sequence[str] = (),
    is_site: bool = False,
    pause_s: float = 0.5,
) -> Harvest:
    """Ask engines for `config.keywords`, and bring in what they find.

    Each engine in turn is asked for the classes that have fewer than `per_class` photos (all, without that number). Of
    each class the first `per_class` different photos are kept: those of earlier nights first, then by engine, by rank.
    See `Crawler` for the rest. Raises UserError if too little comes in (`min_yield`), or photos of one class only.
    """
    keywords = keywords_of(config)
    plan = _Plan(engines, keywords, config)
    if config.replay:
        return follow(plan.orders(ledger, keywords), config, ledger, context)
    require_askable(engines, config)
    with Crawler(config, ledger, context, allowed=allowed, is_site=is_site, pause_s=pause_s) as crawler:
        night = ledger.finds.begin_night()
        hunt = _Hunt(plan, crawler, night)
        for engine in engines:
            hunt.round(engine, hunt.short(keywords), keywords)
        if config.top_up:
            weak = {label: plan.further[label] for label in hunt.tally().weak()}
            for engine in engines:
                hunt.round(engine, hunt.short(weak), weak)
        tally = hunt.tally()
        _require_yield(tally, crawler, config.per_class)
        ledger.finds.end_night(night)  # also one that ran out of time: what comes next goes behind what it kept
    return _harvest(hunt.orders, hunt.photos, config, tally)


def follow(
    orders: Orders, config: CrawlConfig, ledger: Ledger, context: StageContext, *, pause_s: float = 0.5
) -> Harvest:
    """Bring in given URLs, in the order of each class; with `config.replay` only those that are stored already."""
    if config.replay:
        photos = {find.url: photo for finds in orders.values() for find in finds if (photo := ledger.known(find.url))}
        return _harvest(orders, photos, config, None)
    with Crawler(config, ledger, context, pause_s=pause_s) as crawler:
        downloads = {download.url: download for download in _fetch(crawler, orders, {})}
        photos = _photos(downloads.values())
        queries = [
            Query(label, finds[0].search, urls=dict.fromkeys(find.url for find in finds))
            for label, finds in orders.items()
            if finds
        ]
        tally = _tally(crawler, queries, orders, downloads)
        _require_yield(tally, crawler, None)  # a list has what it has: what isn't needed of it isn't missed
    return _harvest(orders, photos, config, tally)


class _Plan:
    """Which searches belong to which class, and which of them comes first."""

    def __init__(self, engines: Sequence[Engine], keywords: Keywords, config: CrawlConfig) -> None:
        self._engines = [engine.name for engine in engines]
        self._keywords = keywords
        self._filters = filters_key(config.filters)
        self.further = further(keywords, config)

    def search(self, engine: str, query: str) -> Search:
        """The search of an engine with the filters of the config."""
        return Search(engine, query, self._filters)

    def orders(self, ledger: Ledger, labels: Iterable[str]) -> dict[str, list[Find]]:
        """All that was ever found for these classes."""
        return {label: ordered(self._finds(ledger, label)) for label in labels}

    def renew(self, ledger: Ledger, night: int) -> None:
        """Begin a night: what has never come in goes behind what has."""
        for label in self._keywords:
            for _, search in self._searches(label):
                ledger.finds.renew(search, night)

    def _finds(self, ledger: Ledger, label: str) -> Iterable[tuple[int, Find]]:
        for precedence, search in self._searches(label):
            for find in ledger.finds.of(search):
                yield precedence, find

    def _searches(self, label: str) -> Iterable[tuple[int, Search]]:
        """The searches of a class, with their precedence."""
        precedence = 0
        for queries in (self._keywords[label], self.further[label]):
            for engine in self._engines:
                for query in queries:
                    yield precedence, self.search(engine, query)
                precedence += 1


@dataclass
class _Hunt:
    """A crawl under way, round by round: one engine, and the classes that need more."""

    plan: _Plan
    crawler: Crawler
    night: int
    queries: list[Query] = field(default_factory=list)
    downloads: dict[str, Download] = field(default_factory=dict)
    photos: dict[str, Photo] = field(default_factory=dict)
    orders: dict[str, list[Find]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.plan.renew(self.crawler.ledger, self.night)
        self.fetch(self.plan.further)  # what is known counts, and what was found but not needed then may be now

    def count(self, label: str) -> int:
        """Photos that a class has."""
        return sum(1 for _ in kept(self.orders[label], self.photos, self.crawler.config.per_class))

    def short(self, labels: Collection[str]) -> list[str]:
        """Those classes that need more photos."""
        per_class = self.crawler.config.per_class
        return [label for label in labels if per_class is None or self.count(label) < per_class]

    def round(self, engine: Engine, labels: Sequence[str], keywords: Keywords) -> None:
        """Ask an engine for classes, and fetch what it found."""
        per_class = self.crawler.config.per_class
        queries = [
            Query(
                label,
                self.plan.search(engine.name, query),
                self.crawler.config.filters,
                most=None if per_class is None else _SPARE * (per_class - self.count(label)),
            )
            for label in labels
            for query in keywords[label]
        ]
        if not queries or self.crawler.client.why_stopped:
            return
        self.crawler.search(engine, queries, self.night)
        self._doubt(engine, queries)
        self.queries += queries
        self.fetch(labels)

    def fetch(self, labels: Iterable[str]) -> None:
        """Fetch what was found for classes and is needed."""
        orders = self.plan.orders(self.crawler.ledger, labels)
        self.orders |= orders
        downloads = _fetch(self.crawler, orders, self.downloads)
        self.downloads |= {download.url: download for download in downloads}
        self.photos |= _photos(downloads)

    def _doubt(self, engine: Engine, queries: Sequence[Query]) -> None:
        """Where an engine found nothing at all for a query, find out by its canary whether that is true."""
        suspects = [query for query in queries if not query.urls and query.is_doubtful]
        if not suspects or not engine.canary:
            return
        canary = Query("", Search(engine.name, engine.canary), most=1)  # without filters, which may leave nothing
        self.crawler.search(engine, [canary], None)
        if canary.urls:
            return
        path = self.crawler.save_answer(engine.name)
        trouble = (
            f"its canary query {engine.canary!r} failed: {canary.failure}"
            if canary.failure and not canary.is_doubtful
            else f"this engine's parser is broken: even its canary query {engine.canary!r} brought no photo"
        )
        for query in suspects:
            query.failure = f"{trouble} ({query.failure})" if query.failure else trouble
        self.notes.append(f"{engine.name}: {trouble}; its last answer is in {path}")

    def tally(self) -> Tally:
        """What has come of it so far."""
        return _tally(self.crawler, self.queries, self.orders, self.downloads, self.notes)


def _fetch(crawler: Crawler, orders: Orders, before: Mapping[str, Download]) -> list[Download]:
    """Bring in what is needed of the orders; returns all of their URLs, with what came of each.

    before: what was tried already in this crawl, by URL; it isn't tried again.
    """
    ledger, quota = crawler.ledger, Quota(crawler.config.per_class)
    waiting = {url: why for url, why in ledger.failures.waiting().items() if still_holds(why, crawler.config)}
    downloads = downloads_of(orders)
    missing = []
    for download in downloads:
        url = download.url
        earlier = before.get(url)
        if earlier and earlier.failure != ENOUGH:
            download.photo, download.failure, download.fetched = earlier.photo, earlier.failure, earlier.fetched
        elif ledger.is_forgotten(url):
            download.failure = FORGOTTEN
        elif photo := ledger.known(url):
            download.photo = photo
        elif url in waiting:
            download.failure = f"{WAITS}: {waiting[url]}"
        else:
            missing.append(download)
        if download.photo:
            quota.take(download, download.photo)
    needed = [download for download in missing if quota.needs(download)]
    for download in missing:
        download.failure = None if quota.needs(download) else ENOUGH
    if needed:
        crawler.download(needed, quota)
    return downloads


def _photos(downloads: Iterable[Download]) -> dict[str, Photo]:
    """The photo of each URL that has one."""
    return {download.url: download.photo for download in downloads if download.photo}


def _tally(
    crawler: Crawler,
    queries: Sequence[Query],
    orders: Orders,
    downloads: Mapping[str, Download],
    notes: Sequence[str] = (),
) -> Tally:
    photos = _photos(downloads.values())
    per_class = crawler.config.per_class
    chosen = {label: list(kept(finds, photos, per_class)) for label, finds in orders.items()}
    urls = {label: {find.url for find, _ in found} for label, found in chosen.items()}
    sha256s = {label: {photo.sha256 for _, photo in found} for label, found in chosen.items()}

    def outcome(label: str, url: str) -> str:
        if url in urls[label]:
            return KEPT
        if photo := photos.get(url):
            return SAME if photo.sha256 in sha256s[label] else ENOUGH
        return downloads[url].failure or ENOUGH

    lines = [
        Line(
            label=query.label,
            engine=query.search.engine,
            query=query.search.query,
            pages=query.pages,
            new=query.new,
            outcomes={url: outcome(query.label, url) for url in query.urls},
            trouble=query.failure,
            photos={url: photos[url].sha256 for url in query.urls if url in photos},
        )
        for query in queries
    ]
    return Tally(
        lines,
        {label: len(found) for label, found in chosen.items()},
        twice=sum(map(len, sha256s.values())) - len(set().union(*sha256s.values())),
        fetched=sum(download.fetched for download in downloads.values()),
        requests=crawler.client.requests,
        bytes=crawler.client.bytes,
        notes=[*notes, *([_EARLY.format(why)] if (why := crawler.client.why_stopped) else [])],
    )


def _harvest(orders: Orders, photos: Mapping[str, Photo], config: CrawlConfig, tally: Tally | None) -> Harvest:
    """The rows of what is kept; raises UserError if that is no photo, or photos of one class only."""
    rows = [
        row_of(label, find, photo)
        for label, finds in orders.items()
        for find, photo in kept(finds, photos, config.per_class)
    ]
    if len({row.label for row in rows}) < 2:
        got = f"photos of {rows[0].label!r} only" if rows else "no photo"
        raise UserError(
            f"the crawl brought {got}, and a classifier needs photos of two classes; "
            + (tally.headline() if tally else "crawl.replay uses what earlier crawls stored: run one without it first")
        )
    for warning in tally.warnings() if tally else ():
        logger.warning("%s", warning)
    return Harvest(rows, tally.counts() if tally else {}, tally)


def _require_yield(tally: Tally, crawler: Crawler, per_class: int | None) -> None:
    """Raise UserError if less came in than `min_yield` demands, with what somebody needs for a look."""
    came_in, wanted = tally.came_in(per_class)
    least = crawler.config.min_yield
    if not tally.lines or came_in >= least * wanted > 0 or not least:
        return
    paths = [crawler.save_answer(name) for name in dict.fromkeys(line.engine for line in tally.lines)]
    summary = SUMMARY.path(crawler.context.pools / "answers")
    atomic_write(summary, tally.summary().encode())
    for warning in tally.warnings():
        logger.warning("%s", warning)
    answers = "".join(f", {path}" for path in paths if path)
    troubles = dict.fromkeys(f"{line.engine}: {line.trouble}" for line in tally.lines if line.trouble)
    why = "; ".join([tally.headline(), *troubles][:4])
    got = f"only {came_in:,} of {wanted:,} photos that were wanted came in" if wanted else "nothing was found"
    raise UserError(
        f"{got} tonight, and crawl.min_yield is {least:.0%}: {why}; look at {summary}{answers}; then give more queries "
        "or sources, or lower crawl.min_yield; what was fetched is kept"
    )


def filters_key(filters: SearchFilters) -> str:
    """Filters as text; those that aren't set don't count."""
    return ",".join(f"{name}={value}" for name, value in filters.model_dump(exclude_none=True).items())
