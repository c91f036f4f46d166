"""The threads of a crawl, for all queries of all classes at once: icrawler's feeder, parser and downloader, corrected.

icrawler 0.6.10 provides the thread pools and their wiring. These subclasses correct what loses photos or time silently
(`tests/tasks/crawl/test_icrawler_defects.py` shows each defect):

- It guesses by time-outs whether more work will come: a downloader quits after a gap of 5 s, and each crawl ends with
  up to 7 s of waiting. Here the feeder signals the end.
- Its queues drop a task that they have seen before, even if the first one timed out on its way into the queue. Here the
  queues are plain ones, and `HostQueue` for the downloads, so that no thread waits for one host while another is free.
- An exception in a parser or a downloader ends the thread. Here each task is returned, even after an error.
- It retries at once, and only if the connection fails; responses such as 429 and 503 are final. See `http.client`.
- It numbers its files, so that a second crawl collides with the first; takes a file's type from its URL; and keeps
  truncated photos and files that aren't photos. Here every photo is decoded, then stored under its SHA-256.
- It neither returns nor counts what it found, and can't tell "no results" from "no response". See `Engine` and `stats`.
- It pretends to be Chrome, and sets up the logging of the whole process.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from queue import Queue
from typing import Any

import icrawler
from icrawler.utils import Signal

from configs.schema import CrawlConfig
from tasks.crawl.access_tokens import AccessTokens
from tasks.crawl.blocklist import BlocklistedError
from tasks.crawl.engines.engine import (
    BlockedError,
    Engine,
    EngineError,
    FormatChangedError,
    Page,
    QuotaError,
    Request,
    Response,
)
from tasks.crawl.http.client import Client
from tasks.crawl.http.errors import FetchCancelledError, FetchError
from tasks.crawl.http.host_queue import HostQueue, Lease
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.ledger.retry_schedule import with_limit
from tasks.crawl.selection import Download, Query, Quota, new_hits
from tasks.crawl.stats import BLOCKLISTED, NOT_NEEDED
from tasks.images import photos
from tasks.images.memory import PhotoTooLargeError

logger = logging.getLogger("fluke.crawl")

HOST_DOWN = "host is down or has had enough"
"""Why a photo isn't requested; stored in dropped.parquet, so it doesn't change."""

_TOO_MANY_REQUESTS = (429, 503)
_MAX_REFUSALS = 3
"""An engine that has refused so many queries in a row, or not responded to them, isn't used any more."""
_MAX_MISSES = 8
"""A site counts as down after so many failed pages in a row."""
_MAX_FRONTIER = 10
"""At most so many times `max_pages` links of a site wait in the frontier."""


class Feeder(icrawler.Feeder):
    """Puts tasks into the queue of the next pool, then signals the end."""

    def worker_exec(self, tasks: Iterable[Any], workers: int) -> None:
        """Run the thread: put all tasks, then one None for each of the next pool's `workers`."""
        for task in tasks:
            self.out_queue.put(task)
        for _ in range(workers):
            self.out_queue.put(None)


class Parser(icrawler.Parser):
    """Requests page after page of a query's results, and parses them."""

    def __init__(
        self,
        threads: int,
        signal: Signal,
        client: Client,
        *,
        config: CrawlConfig,
        ledger: Ledger,
        is_site: bool,
        on_response: Callable[[str, Response], None],
    ) -> None:
        """Create the pool.

        Args:
            threads: number of threads.
            signal: icrawler's own, unused here.
            client: makes the requests.
            config: its `max_pages`.
            ledger: records the results.
            is_site: see `CrawlPolicy`.
            on_response: called with the engine's name and each response.
        """
        super().__init__(threads, signal, client)
        self._config, self._ledger, self._is_site, self._on_response = config, ledger, is_site, on_response
        self._tokens = AccessTokens(client)
        self._refusals: dict[str, list[FetchError | EngineError]] = {}
        """Per engine: why each of the last queries in a row failed."""
        self.in_queue: Queue[Query | None] = Queue(2 * self.thread_num)
        self.out_queue: Queue[Query] = Queue()

    def worker_exec(self, engine: Engine, crawl_id: int | None) -> None:
        """Run a thread: search for each query. Every query is put into `out_queue`, even after an error."""
        while (query := self.in_queue.get()) is not None:
            refusals = self._refusals.setdefault(engine.name, [])
            if (problem := _reason_to_stop(refusals)) and not self._is_site:
                query.failure = problem
                query.transient = _may_pass(refusals[-1])
                query.needs_canary = False
                self.out_queue.put(query)
                continue
            try:
                self._search(engine, query, crawl_id)
                refusals.clear()
            except (FetchError, EngineError) as failure:
                query.failure, query.transient = str(failure), _may_pass(failure)
                query.needs_canary = isinstance(failure, FormatChangedError)
                if not isinstance(failure, QuotaError) and (query.urls or not _concerns_server(failure)):
                    refusals.clear()
                else:
                    refusals.append(failure)
            except Exception as error:
                query.error = error
            finally:
                self.out_queue.put(query)

    def _search(self, engine: Engine, query: Query, crawl_id: int | None) -> None:
        """Collect hits until there are enough, or until a page has no new ones.

        Args:
            engine: builds the requests and parses the responses.
            query: receives the URLs.
            crawl_id: under which the results are recorded; None: not at all.
        """
        request = engine.build_request(query.search.query, query.filters)
        first, frontier, seen = request, deque([request]), {request.url}
        max_frontier, misses = _MAX_FRONTIER * self._config.max_pages, 0
        while (
            frontier and query.pages < self._config.max_pages and (query.max_new is None or query.new < query.max_new)
        ):
            request = frontier.popleft()
            try:
                response, page = self._fetch_page(engine, query, request)
            except (FetchError, EngineError) as failure:
                misses += _concerns_server(failure)
                if not self._is_site or request is first or misses >= _MAX_MISSES or self.session.is_cancelled:
                    raise
                logger.info("%s: skipped: %s", request.url, failure)  # every site has some dead links
                query.skipped[str(failure)] += 1
                continue
            misses = 0
            hits = new_hits(query, page.hits, response.url)
            query.new += (
                len(hits) if crawl_id is None else self._ledger.search_results.add(query.search, crawl_id, hits)
            )
            if hits or not page.hits or self._is_site:  # an engine that repeats its hits has no others
                following = [more for more in page.next if more.url not in seen][: max_frontier - len(frontier)]
                frontier.extend(following)
                seen.update(more.url for more in following)

    def _fetch_page(self, engine: Engine, query: Query, request: Request) -> tuple[Response, Page]:
        """Request a page of results and parse it; again if its token has expired, or if the engine says when."""
        for attempt in range(self._config.retries + 1):
            response = self._fetch(engine, request)
            query.pages += not attempt
            self._on_response(engine.name, response)
            try:
                return response, _parse(engine, request, response)
            except BlockedError as failure:
                if failure.retry_after_s is None or attempt == self._config.retries:
                    raise
                self.session.wait(request.url, failure.retry_after_s)
        raise AssertionError("unreachable")

    def _fetch(self, engine: Engine, request: Request) -> Response:
        for is_last in (False, True):
            token = self._tokens.headers(engine)
            headers = {**request.headers, **token}
            response: Response = self.session.fetch_page(
                request.url, headers, secret=request.secret, is_api=engine.is_api, is_site=self._is_site
            )
            if is_last or response.status != 401 or not self._tokens.discard(engine, token):
                break
        return response


class Downloader(icrawler.Downloader):
    """Downloads photos into the ledger until each class has enough."""

    def __init__(self, signal: Signal, client: Client, *, config: CrawlConfig, ledger: Ledger) -> None:
        super().__init__(config.threads, signal, client, ledger)
        self._config = config
        self._most_px = config.max_photo_mpx * 1e6
        self.out_queue: Queue[Download] = Queue()

    def start(self, **kwargs: Any) -> None:
        """Start the threads, without the parent's numbering of files."""
        icrawler.downloader.ThreadPool.start(self, **kwargs)

    def worker_exec(self, queue: HostQueue[Download], quota: Quota) -> None:
        """Run a thread: fetch each download. Every download is put into `out_queue`, even after an error."""
        while (lease := queue.get()) is not None:
            download, responded = lease.item, True
            try:
                self._fetch(lease, quota)
            except FetchError as failure:
                responded = not failure.no_response and failure.status not in _TOO_MANY_REQUESTS
                download.failure, download.transient = str(failure), _may_pass(failure)
                if not isinstance(failure, FetchCancelledError):
                    self._record(download, failure)
            except BlocklistedError:
                download.failure = BLOCKLISTED
            except Exception as error:
                download.error = error
            finally:
                queue.release(lease, responded=responded)
                self.out_queue.put(download)

    def _fetch(self, lease: Lease[Download], quota: Quota) -> None:
        download = lease.item
        if not quota.needs(download):
            download.failure = NOT_NEEDED
            return
        if lease.is_down:  # the URL isn't the cause, so it isn't recorded as failed
            download.failure, download.transient = HOST_DOWN, True
            return
        response = self.session.fetch_photo(download.url)
        try:
            size_px = photos.check(response.body, most_px=self._most_px)
        except ValueError as problem:
            raise FetchError(str(problem)) from problem
        except PhotoTooLargeError as problem:
            raise FetchError(problem.REASON) from problem
        download.photo = self.storage.put(
            download.url, response.body, size_px=size_px, status=response.status, etag=response.headers.get("etag")
        )
        self.storage.retry_schedule.clear(download.url)
        download.fetched = True
        quota.add(download, download.photo)

    def _record(self, download: Download, failure: FetchError) -> None:
        """Record a failure. One without a response counts only if others responded: our own network may be down."""
        if failure.no_response and not self.session.bytes:
            return
        try:
            reason = with_limit(str(failure), self._config)
            self.storage.retry_schedule.record(download.url, reason, transient=failure.transient)
        except Exception as error:
            download.error = error


def _parse(engine: Engine, request: Request, response: Response) -> Page:
    try:
        return engine.parse(request, response)
    except EngineError as failure:
        failure.transient = (response.status == 429 or response.status >= 500) and not isinstance(failure, QuotaError)
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:  # the engine's module expected another format
        raise FormatChangedError(f"its response can't be parsed: {type(error).__name__}: {error}") from error


def _reason_to_stop(refusals: Sequence[FetchError | EngineError]) -> str | None:
    """Return why an engine isn't asked any more, after its last queries failed for these reasons; None if it is."""
    if refusals and isinstance(refusals[-1], QuotaError):
        return str(refusals[-1])
    if len(refusals) >= _MAX_REFUSALS:
        return f"skipped after {_MAX_REFUSALS} failed queries in a row: {refusals[-1]}"
    return None


def _concerns_server(failure: FetchError | EngineError) -> bool:
    """Whether a failure concerns the whole server rather than the one URL."""
    return isinstance(failure, BlockedError) or (isinstance(failure, FetchError) and failure.transient)


def _may_pass(failure: FetchError | EngineError) -> bool:
    """Whether the same request may succeed soon. The end of the crawl, such as its deadline, doesn't pass."""
    return failure.transient and not isinstance(failure, FetchCancelledError)
