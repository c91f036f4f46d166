"""Crawl photos from the net: through search engines, or from a list of URLs."""

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from configs.schema import CrawlConfig
from tasks.crawl.crawler import Crawler
from tasks.crawl.engines.engine import Engine
from tasks.crawl.fetch import collect_stats, fetch, photos_by_url
from tasks.crawl.keywords import keywords_of, validate_queries
from tasks.crawl.ledger.ledger import Ledger, StoredPhoto
from tasks.crawl.losses import require_few_lost
from tasks.crawl.policy import DEFAULT, CrawlPolicy
from tasks.crawl.query_plan import QueryPlan
from tasks.crawl.result import CrawlResult
from tasks.crawl.selection import Candidates, Query, photo_row, select_photos
from tasks.crawl.session import CrawlSession
from tasks.crawl.stats import CrawlStats
from tasks.crawl.summary import headline, summary, warnings
from tasks.store.atomic import atomic_write
from tasks.store.context import StageContext
from tasks.store.errors import TransientError, UserError
from tasks.tables.crawl import DROPPED
from tasks.tables.shared import SUMMARY
from tasks.text import percent

logger = logging.getLogger("fluke.crawl")


def crawl(
    engines: Sequence[Engine],
    config: CrawlConfig,
    ledger: Ledger,
    context: StageContext,
    policy: CrawlPolicy = DEFAULT,
) -> CrawlResult:
    """Search engines for `config.keywords`, and download what they find.

    Each engine in turn is searched for the classes that have fewer than `per_class` photos (for all classes, without
    that number). Of each class the first `per_class` different photos are kept, ordered by crawl, engine and rank.

    Args:
        engines: in order of precedence.
        config: the crawl's settings; with `replay`, nothing is requested.
        ledger: stores photos, search results and failures.
        context: folders and progress.
        policy: how servers are treated.

    Raises:
        UserError: fewer photos were found than `min_yield` requires, or photos of one class only; TransientError if
            failures that may pass are the reason.
    """
    keywords = keywords_of(config)
    plan = QueryPlan(engines, keywords, config)
    if config.replay:
        return download_urls(plan.candidates(ledger, keywords), config, ledger, context)
    validate_queries(engines, config)
    with Crawler(config, ledger, context, policy) as crawler:
        crawl_id = ledger.search_results.begin_crawl()
        session = CrawlSession(plan, crawler, crawl_id)
        for engine in engines:
            session.search_round(engine, session.incomplete(keywords), keywords)
        if config.top_up:
            underfilled = {label: plan.top_up[label] for label in session.stats().underfilled()}
            for engine in engines:
                session.search_round(engine, session.incomplete(underfilled), underfilled)
        stats = session.stats()
        _require_yield(stats, crawler, config.per_class)
        # A crawl that ran out of time ends here, too: what the next one finds comes after what this one kept.
        ledger.search_results.end_crawl(crawl_id)
    return _result(session.candidates, session.photos, config, stats, context)


def download_urls(
    candidates: Candidates,
    config: CrawlConfig,
    ledger: Ledger,
    context: StageContext,
    policy: CrawlPolicy = DEFAULT,
) -> CrawlResult:
    """Download given URLs, in the order of each class; with `config.replay`, use only those that are stored.

    See `crawl` for the other arguments and for errors.
    """
    if config.replay:
        stored = {
            result.url: photo
            for results in candidates.values()
            for result in results
            if (photo := ledger.lookup(result.url))
        }
        return _result(candidates, stored, config, None, context)
    with Crawler(config, ledger, context, policy) as crawler:
        downloads = {download.url: download for download in fetch(crawler, candidates, {})}
        queries = [
            Query(label, results[0].search, urls=dict.fromkeys(result.url for result in results))
            for label, results in candidates.items()
            if results
        ]
        stats = collect_stats(crawler, queries, candidates, downloads)
        _require_yield(stats, crawler, None)  # a list may have fewer than `per_class` URLs of a class
        _require_list(stats, config, context, gone=set(ledger.lost(offline=False)))
    return _result(candidates, photos_by_url(downloads.values()), config, stats, context)


def _result(
    candidates: Candidates,
    photos: Mapping[str, StoredPhoto],
    config: CrawlConfig,
    stats: CrawlStats | None,
    context: StageContext,
) -> CrawlResult:
    """Return the rows of the photos to keep; raises UserError if they are of fewer than two classes."""
    rows = [
        photo_row(label, result, photo)
        for label, results in candidates.items()
        for result, photo in select_photos(results, photos, config.per_class)
    ]
    if len({row.label for row in rows}) < 2:
        found = f"photos of {rows[0].label!r} only" if rows else "no photos"
        raise _error_type(stats, missing=1)(
            f"the crawl found {found}, but a classifier needs photos of two classes; "
            + (headline(stats) if stats else "crawl.replay uses only stored photos: run a crawl without it first")
        )
    for warning in warnings(stats) if stats else ():
        context.warn(warning)
    return CrawlResult(rows, stats.counts() if stats else {}, stats)


def _require_yield(stats: CrawlStats, crawler: Crawler, per_class: int | None) -> None:
    """Raise UserError if fewer photos were found than `min_yield` requires; save what helps to find out why."""
    found, wanted = stats.yield_count(per_class)
    min_yield = crawler.config.min_yield
    if not stats.searches or found >= min_yield * wanted > 0 or not min_yield:
        return
    paths = [crawler.save_response(name) for name in dict.fromkeys(search.engine for search in stats.searches)]
    summary_path = SUMMARY.path(crawler.context.pools / "answers")
    atomic_write(summary_path, summary(stats).encode())
    for warning in warnings(stats):
        logger.warning("%s", warning)
    responses = "".join(f", {path}" for path in paths if path)
    errors = dict.fromkeys(f"{search.engine}: {search.error}" for search in stats.searches if search.error)
    details = "; ".join([headline(stats), *errors][:4])
    what = f"only {found:,} of {wanted:,} wanted photos found" if wanted else "no photos found"
    raise _error_type(stats, missing=min_yield * wanted - found)(
        f"{what} (crawl.min_yield requires {percent(min_yield, 0)}): {details}; see {summary_path}{responses}; "
        "then add queries or sources, or lower crawl.min_yield; downloaded photos stay stored"
    )


def _require_list(stats: CrawlStats, config: CrawlConfig, context: StageContext, *, gone: Collection[str]) -> None:
    """Say which URLs of the user's list can't be had; raise UserError if they are more than `max_loss` allows.

    The results of a search aren't the user's own, so for them only `min_yield` counts. `min_yield=0` disables both.

    Args:
        stats: The outcome of each URL.
        config: The limits.
        context: Receives the line.
        gone: URLs whose photos were stored and are gone: the stage counts them.
    """
    total = len({url for search in stats.searches for url in search.outcomes})
    lost = {url: reason for url, reason in stats.lost().items() if url not in gone}
    max_loss = config.max_loss if config.min_yield else 1
    table = f"the crawl's {DROPPED.name}"
    if len(lost) > max_loss * total:  # then there will be no artifact with the table
        folder = context.pools / "answers"
        folder.mkdir(parents=True, exist_ok=True)
        DROPPED.write_rows(stats.dropped_rows(), folder)
        table = f"{DROPPED.path(folder)}"
    reasons = ", ".join(f"{count:,} x {reason}" for reason, count in Counter(lost.values()).most_common(4))
    if note := require_few_lost(
        list(lost),
        total,
        max_loss=max_loss,
        what=f"URLs of {config.path} can't be had ({reasons})",
        remedy=f"correct or remove those that {table} lists",
        error=_error_type(stats, missing=len(lost) - max_loss * total),
    ):
        context.warn(note)


def _error_type(stats: CrawlStats | None, missing: float) -> type[UserError]:
    """Return the type of the error of a crawl that found too few photos; without requests, nothing may pass."""
    return TransientError if stats and stats.may_find(missing) else UserError
