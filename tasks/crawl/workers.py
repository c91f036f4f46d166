"""icrawler's feeder, parser and downloader, mended: the threads of a crawl, for all keywords of all classes at once.

icrawler 0.6.10 gives the pools of threads and their wiring. Mended here, because they lose photos or time without a
word (`tests/tasks/crawl/test_icrawler_defects.py` shows each):

- It guesses by time-outs whether more work will come: a downloader quits in a gap of 5 s, and each crawl ends with a
  tail of up to 7 s. Here the feeder says when it has fed all.
- Its queues drop a task that they have seen, even one that only timed out on its way in. Here they are plain queues,
  and `HostQueue` for the downloads, so that no thread waits at one host while another is free.
- An error in a parser or a downloader ends the thread. Here each task comes back done, whatever happened to it.
- It tries again at once, and only if the connection fails; answers such as 429 and 503 are final. See `web.client`.
- It numbers its files, so that a second crawl collides with the first, names them by what the URL or nothing says, and
  keeps what is truncated or no photo. Here the ledger stores by content, after decoding.
- It neither returns nor counts what it got, and can't tell "no results" from "no answer". See `Engine` and `tally`.
- It pretends to be Chrome, and sets up the logging of the whole process.
"""

import logging
import time
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from queue import Queue
from threading import Lock
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin

import icrawler

from configs.schema import CrawlConfig
from tasks.crawl.blocklist import ForgottenError
from tasks.crawl.engines.engine import BlockedError, Engine, EngineError, FormatChangedError, Hit, Response
from tasks.crawl.http.client import Client
from tasks.crawl.http.errors import FetchCancelledError, FetchError
from tasks.crawl.http.host_queue import HostQueue, Lease
from tasks.crawl.ledger.failures import reason_of
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.selection import Download, Query, Quota
from tasks.crawl.stats import ENOUGH
from tasks.images import photos
from tasks.store.atomic import atomic_write
from tasks.store.context import StageContext

logger = logging.getLogger("fluke.crawl")

FORGOTTEN = "forgotten"

_DOWN = "host is down or has had enough"
_ENOUGH_FOR_NOW = (429, 503)
_PARSERS = 8
_MOST_REFUSALS = 3
"""An engine that refused so many queries in a row, or didn't answer them, is asked no more."""
_MOST_MISSES = 8
"""A site of which so many pages in a row can't be had is down."""
_MOST_WAITING = 10
"""So many times `max_pages` links to pages of a site wait at most, however many there are."""
_PARTING_S = 2.0
"""How long threads that are under way are waited for when the crawl is interrupted."""


class Feeder(icrawler.Feeder):
    """Puts tasks into the queue of the next pool, and says when there are no more."""

    def worker_exec(self, tasks: Iterable[Any], workers: int) -> None:
        """Body of the thread."""
        for task in tasks:
            self.out_queue.put(task)
        for _ in range(workers):
            self.out_queue.put(None)


class Parser(icrawler.Parser):
    """Asks engines for page after page of a query's results."""

    def __init__(self, crawler: "Crawler") -> None:
        threads = min(_PARSERS, crawler.config.threads)
        if not crawler.is_site:  # an engine is one host
            threads = min(threads, crawler.config.connections_per_host)
        super().__init__(threads, crawler.signal, crawler.client)
        self._crawler = crawler
        self._refusals: dict[str, list[str]] = {}
        """Per engine: why it gave nothing for the last queries in a row."""
        self.in_queue: Queue[Query | None] = Queue(2 * self.thread_num)
        self.out_queue: Queue[Query] = Queue()

    def worker_exec(self, engine: Engine, night: int | None) -> None:
        """Body of each thread; every query comes out again, whatever happens to it."""
        while (query := self.in_queue.get()) is not None:
            refusals = self._refusals.setdefault(engine.name, [])
            if len(refusals) >= _MOST_REFUSALS and not self._crawler.is_site:
                query.failure = f"not asked, since it failed again and again: {refusals[-1]}"
                query.is_doubtful = False
                self.out_queue.put(query)
                continue
            try:
                self._search(engine, query, night)
                refusals.clear()
            except (FetchError, EngineError) as failure:
                query.failure = str(failure)
                query.is_doubtful = isinstance(failure, FormatChangedError)
                if query.urls or not _is_about_all(failure):
                    refusals.clear()
                else:
                    refusals.append(str(failure))
            except Exception as error:
                query.error = error
            finally:
                self.out_queue.put(query)

    def _search(self, engine: Engine, query: Query, night: int | None) -> None:
        """Collect hits until there are enough, or a page brings none that is new to this search.

        night: None for a search that is not to be remembered.
        """
        crawler = self._crawler
        request = engine.build_request(query.search.query, query.filters)
        first, frontier, met = request, deque([request]), {request.url}
        most_waiting, misses = _MOST_WAITING * crawler.config.max_pages, 0
        while frontier and query.pages < crawler.config.max_pages and (query.most is None or query.new < query.most):
            request = frontier.popleft()
            try:
                answer = self.session.fetch_page(
                    request.url,
                    request.headers,
                    secret=request.secret,
                    is_api=engine.is_api,
                    is_site=crawler.is_site,
                )
                query.pages += 1
                crawler.note(engine.name, answer)
                page = self._read(engine, request, answer)
            except (FetchError, EngineError) as failure:
                misses += _is_about_all(failure)
                if not crawler.is_site or request is first or misses >= _MOST_MISSES or self.session.is_cancelled:
                    raise
                logger.info("%s: left out: %s", request.url, failure)  # on a site there is always such a page
                continue
            misses = 0
            hits = _fresh(query, page.hits, answer.url)
            query.new += len(hits) if night is None else crawler.ledger.finds.add(query.search, night, hits)
            if hits or not page.hits or crawler.is_site:  # an engine that repeats itself has no more
                following = [more for more in page.next if more.url not in met][: most_waiting - len(frontier)]
                frontier.extend(following)
                met.update(more.url for more in following)

    def _read(self, engine: Engine, request: Any, answer: Response) -> Any:
        try:
            return engine.parse(request, answer)
        except EngineError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError) as error:  # an engine's module that trusts too much
            raise FormatChangedError(f"its answer can't be read: {type(error).__name__}: {error}") from error


class Downloader(icrawler.Downloader):
    """Brings in photos through the ledger, until each class has enough."""

    def __init__(self, crawler: "Crawler") -> None:
        super().__init__(crawler.config.threads, crawler.signal, crawler.client, crawler.ledger)
        self._config = crawler.config
        self._most_px = crawler.config.max_photo_mpx * 1e6
        self.out_queue: Queue[Download] = Queue()

    def start(self, **kwargs: Any) -> None:
        """Start the threads; there are no files to number."""
        icrawler.downloader.ThreadPool.start(self, **kwargs)

    def worker_exec(self, lanes: HostQueue[Download], quota: Quota) -> None:
        """Body of each thread; every download comes out again, whatever happens to it."""
        while (turn := lanes.get()) is not None:
            download, alive = turn.item, True
            try:
                self._fetch(turn, quota)
            except FetchError as failure:
                alive = not failure.no_response and failure.status not in _ENOUGH_FOR_NOW
                download.failure = str(failure)
                if not isinstance(failure, FetchCancelledError):
                    self._note(download, failure)
            except ForgottenError:
                download.failure = FORGOTTEN
            except Exception as error:
                download.error = error
            finally:
                lanes.release(turn, responded=alive)
                self.out_queue.put(download)

    def _fetch(self, turn: Lease[Download], quota: Quota) -> None:
        download = turn.item
        if not quota.needs(download):
            download.failure = ENOUGH
            return
        if turn.is_down:  # not the URL's fault, so the ledger needn't know
            download.failure = _DOWN
            return
        answer = self.session.fetch_photo(download.url)
        try:
            size_px = photos.check(answer.body, most_px=self._most_px)
        except ValueError as problem:
            raise FetchError(str(problem)) from problem
        download.photo = self.storage.put(
            download.url, answer.body, size_px=size_px, status=answer.status, etag=answer.headers.get("etag")
        )
        self.storage.failures.clear(download.url)
        download.fetched = True
        quota.take(download, download.photo)

    def _note(self, download: Download, failure: FetchError) -> None:
        """Remember the failure; one of no answer only if anybody answered tonight, so that it isn't our own net's."""
        if failure.no_response and not self.session.bytes:
            return
        try:
            reason = reason_of(str(failure), self._config)
            self.storage.failures.note(download.url, reason, passing=failure.transient)
        except Exception as error:
            download.error = error


class Crawler(icrawler.Crawler):
    """The pools of one crawl, and what they share; to be left by `with`, which ends all threads."""

    def __init__(
        self,
        config: CrawlConfig,
        ledger: Ledger,
        context: StageContext,
        *,
        allowed: Sequence[str] = (),
        is_site: bool = False,
        pause_s: float = 0.5,
    ) -> None:
        """Prepare a crawl; its deadline counts from now.

        allowed: hosts on this machine that may be asked, without pauses (see `Client`). is_site: whether the pages are
        those of a site, of which robots.txt speaks, and all are followed. pause_s: before the first retry.
        """
        # Not the parent's __init__, which sets up logging and insists on storing numbered files.
        self.init_signal()
        self.config, self.ledger, self.context, self.is_site = config, ledger, context, is_site
        self.client = Client(config, trusted_hosts=allowed, pause_s=pause_s)
        self.parser, self.downloader = Parser(self), Downloader(self)
        self._feeders: list[Feeder] = []
        self._answers: dict[str, Response] = {}
        self._lock = Lock()

    def search(self, engine: Engine, queries: Sequence[Query], night: int | None) -> None:
        """Fill in what an engine answers to each query, and remember it under a night's number (or not: None)."""
        self._feed(self.parser.in_queue, queries, self.parser.thread_num)
        self.parser.start(engine=engine, night=night)
        self._drain(self.parser.out_queue, len(queries), f"{engine.name}: keywords")

    def download(self, downloads: Sequence[Download], quota: Quota) -> None:
        """Fetch what is needed."""
        self._download(downloads, quota, "photos")
        if again := [download for download in downloads if download.failure == _DOWN]:  # it may be up again by now
            self._download(again, quota, "photos of hosts that were down")

    def _download(self, downloads: Sequence[Download], quota: Quota, label: str) -> None:
        lanes: HostQueue[Download] = HostQueue(
            self.client.rate_limiter,
            connections_per_host=self.config.connections_per_host,
            is_unthrottled=self.client.is_unthrottled,
        )
        self.client.on_cancel(lanes.cancel)
        for download in downloads:
            download.failure = None
        self._feed(_Inlet(lanes, self.downloader.out_queue), downloads, 1)
        self.downloader.start(lanes=lanes, quota=quota)
        self._drain(self.downloader.out_queue, len(downloads), label)

    def note(self, engine: str, answer: Response) -> None:
        """Remember an engine's last answer, in case it is needed for a look."""
        with self._lock:
            self._answers[engine] = answer

    def save_answer(self, engine: str) -> Path | None:
        """Write an engine's last answer where the user can look at it; None if there was none."""
        answer = self._answers.get(engine)
        if answer is None:
            return None
        kind = answer.headers.get("content-type", "")
        suffix = next((suffix for suffix in ("html", "json") if suffix in kind), "txt")
        path = self.context.pools / "answers" / f"{engine}.{suffix}"
        atomic_write(path, answer.body)
        return path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.cancel()
        end = time.monotonic() + _PARTING_S
        pools: list[Any] = [self.parser, self.downloader, *self._feeders]
        for worker in (worker for pool in pools for worker in pool.workers):
            worker.join(max(0, end - time.monotonic()))
        self.client.close()

    def _feed(self, queue: Any, tasks: Sequence[Any], workers: int) -> None:
        feeder = Feeder(1, self.signal, self.client)
        feeder.out_queue = queue
        self._feeders.append(feeder)
        feeder.start(tasks=tasks, workers=workers)

    def _drain(self, queue: "Queue[Any]", count: int, label: str) -> None:
        with self.context.progress(label, total=count) as advance:
            for _ in range(count):
                if error := queue.get().error:
                    raise error
                advance(1)


def _is_about_all(failure: FetchError | EngineError) -> bool:
    """Whether it says more about the server than about the one thing that was asked for."""
    return isinstance(failure, BlockedError) or (isinstance(failure, FetchError) and failure.transient)


class _Inlet:
    """The lanes as the feeder sees them: a queue in which None is the end."""

    def __init__(self, lanes: HostQueue[Download], rest: "Queue[Download]") -> None:
        self._lanes, self._rest = lanes, rest

    def put(self, download: Download | None) -> None:
        if download is None:
            self._lanes.close()
        elif not self._lanes.put(download, download.url):  # the crawl has ended
            self._rest.put(download)


def _fresh(query: Query, hits: Sequence[Hit], page_url: str) -> list[tuple[int, Hit]]:
    """Hits that the query didn't have yet, made absolute, with their ranks."""
    fresh = []
    for hit in hits:
        url = _joined(page_url, hit.url)
        if url not in query.urls:
            query.urls[url] = None
            page = None if hit.page is None else _joined(page_url, hit.page)
            fresh.append((len(query.urls), Hit(url, page, hit.licence, hit.author)))
    return fresh


def _joined(page_url: str, url: str) -> str:
    """A hit's absolute URL; a malformed one is left as it is, to be counted as a failed download."""
    try:
        return urljoin(page_url, url)
    except ValueError:
        return url
