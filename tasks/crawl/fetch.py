"""Download the candidates of all classes, and count what became of each URL."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tasks.crawl.crawler import Crawler
from tasks.crawl.ledger.ledger import StoredPhoto
from tasks.crawl.ledger.retry_schedule import still_applies
from tasks.crawl.selection import Candidates, Download, Query, Quota, plan_downloads, select_photos, size_problem
from tasks.crawl.stats import BLOCKLISTED, KEPT, NOT_NEEDED, RETRY_LATER, SAME_PHOTO, CrawlStats, SearchStats

FORBIDDEN = "HTTP 403"


def fetch(crawler: Crawler, candidates: Candidates, done: Mapping[str, Download]) -> list[Download]:
    """Download the candidates that are needed and not stored.

    Args:
        crawler: the thread pools.
        candidates: search results per class.
        done: downloads of this crawl so far, by URL; they aren't tried again.

    Returns:
        A download for each candidate's URL, with its photo or its failure.
    """
    ledger, quota = crawler.ledger, Quota(crawler.config.per_class)
    waiting = {url: why for url, why in ledger.retry_schedule.waiting().items() if still_applies(why, crawler.config)}
    downloads = plan_downloads(candidates)
    missing = []
    for download in downloads:
        url = download.url
        earlier = done.get(url)
        if earlier and earlier.failure != NOT_NEEDED:
            download.photo, download.fetched = earlier.photo, earlier.fetched
            download.failure, download.transient = earlier.failure, earlier.transient
        elif ledger.is_blocklisted(url):
            download.failure = BLOCKLISTED
        elif photo := ledger.lookup(url):
            download.photo = photo
        elif url in waiting:
            download.failure = f"{RETRY_LATER}: {waiting[url]}"
        elif problem := size_problem(download.size_px, crawler.config):
            download.failure = problem
        else:
            missing.append(download)
        if download.photo:
            quota.add(download, download.photo)
    needed = [download for download in missing if quota.needs(download)]
    for download in missing:
        download.failure = None if quota.needs(download) else NOT_NEEDED
    if needed:
        crawler.download(needed, quota)
    return downloads


def photos_by_url(downloads: Iterable[Download]) -> dict[str, StoredPhoto]:
    """Return the photo of each URL that has one."""
    return {download.url: download.photo for download in downloads if download.photo}


def collect_stats(
    crawler: Crawler,
    queries: Sequence[Query],
    candidates: Candidates,
    downloads: Mapping[str, Download],
    notes: Sequence[str] = (),
) -> CrawlStats:
    """Return the statistics of a crawl so far.

    Args:
        crawler: counts requests and bytes.
        queries: the searches made.
        candidates: search results per class.
        downloads: by URL; all URLs of the queries are among them.
        notes: warnings to add.
    """
    photos = photos_by_url(downloads.values())
    per_class = crawler.config.per_class
    selected = {label: list(select_photos(results, photos, per_class)) for label, results in candidates.items()}
    urls = {label: {result.url for result, _ in pairs} for label, pairs in selected.items()}
    sha256s = {label: {photo.sha256 for _, photo in pairs} for label, pairs in selected.items()}

    def outcome(label: str, url: str) -> str:
        if url in urls[label]:
            return KEPT
        if photo := photos.get(url):
            return SAME_PHOTO if photo.sha256 in sha256s[label] else NOT_NEEDED
        return downloads[url].failure or NOT_NEEDED

    searches = [
        SearchStats(
            label=query.label,
            engine=query.search.engine,
            query=query.search.query,
            pages=query.pages,
            new=query.new,
            outcomes={url: outcome(query.label, url) for url in query.urls},
            error=query.failure,
            transient=query.transient,
            photos={url: photos[url].sha256 for url in query.urls if url in photos},
        )
        for query in queries
    ]
    return CrawlStats(
        searches,
        {label: len(pairs) for label, pairs in selected.items()},
        in_two_classes=sum(map(len, sha256s.values())) - len(set().union(*sha256s.values())),
        fetched=sum(download.fetched for download in downloads.values()),
        unreachable=sum(download.transient for download in downloads.values()),
        requests=crawler.client.requests,
        bytes=crawler.client.bytes,
        notes=[*notes, *_skipped(queries), *_notes(crawler, searches)],
    )


def _skipped(queries: Sequence[Query]) -> Iterator[str]:
    """Yield a line for each start URL of a site some of whose pages couldn't be read."""
    for query in queries:
        if query.skipped:
            reasons = ", ".join(f"{count:,} x {reason}" for reason, count in query.skipped.most_common(4))
            pages = "page was" if query.skipped.total() == 1 else "pages were"
            yield f"{query.search.query}: {query.skipped.total():,} {pages} skipped ({reasons})"


def _notes(crawler: Crawler, searches: Sequence[SearchStats]) -> Iterator[str]:
    """Yield what the user should know about the servers, one sentence each."""
    config = crawler.config
    for host, limit in sorted(crawler.client.rate_limiter.limited_hosts().items()):
        ours = [
            f"crawl.{name}={value:g}"
            for name, value, theirs in (
                ("requests_per_s", config.requests_per_s, limit.requests_per_s),
                ("connections_per_host", config.connections_per_host, limit.connections),
            )
            if value > theirs and value != type(config).model_fields[name].default
        ]
        if ours:
            yield (
                f"{host} was asked at most {limit.requests_per_s:g} times per second, {limit.connections} at a time, "
                f"as its operator requests ({limit.source}); not used for it: {', '.join(ours)}"
            )
    reasons = [reason for search in searches for reason in (search.error or "", *search.outcomes.values())]
    if not config.contact and (refused := sum(FORBIDDEN in reason for reason in reasons)):
        yield (
            f"{refused:,} x {FORBIDDEN}: some operators, such as Wikimedia, refuse programs that don't say whom to "
            "contact; set crawl.contact to your e-mail address or URL"
        )
    if why := crawler.client.cancel_reason:
        yield f"the crawl ended early: {why}; continue it with --fresh crawl"
