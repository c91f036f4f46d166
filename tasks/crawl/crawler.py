"""The thread pools of one crawl, connected: feeder, parser and downloader, with one HTTP client and one ledger."""

import time
from collections.abc import Sequence
from pathlib import Path
from queue import Queue
from threading import Lock
from types import TracebackType
from typing import Any, Self

import icrawler

from configs.schema import CrawlConfig
from tasks.crawl.engines.engine import Engine, Response
from tasks.crawl.http.client import Client
from tasks.crawl.http.host_queue import HostQueue
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.policy import DEFAULT, CrawlPolicy
from tasks.crawl.selection import Download, Query, Quota
from tasks.crawl.workers import HOST_DOWN, Downloader, Feeder, Parser
from tasks.store.atomic import atomic_write
from tasks.store.context import StageContext

_MAX_PARSERS = 8
_EXIT_WAIT_S = 2.0
"""Seconds to wait for running threads when the crawl is interrupted."""


class Crawler(icrawler.Crawler):
    """The thread pools of one crawl; a context manager that ends all threads on exit."""

    def __init__(
        self, config: CrawlConfig, ledger: Ledger, context: StageContext, policy: CrawlPolicy = DEFAULT
    ) -> None:
        """Prepare a crawl; its deadline (`deadline_s`) counts from now."""
        # The parent's __init__ isn't called: it sets up logging and requires a storage of numbered files.
        self.init_signal()
        self.config, self.ledger, self.context = config, ledger, context
        self.policy = policy
        self.client = Client(
            config,
            unthrottled=policy.unthrottled,
            host_limits=policy.host_limits,
            retry_pause_s=policy.retry_pause_s,
        )
        threads = min(_MAX_PARSERS, config.threads)
        if not policy.is_site:  # all pages of an engine are on one host
            threads = min(threads, config.connections_per_host)
        self.parser = Parser(
            threads,
            self.signal,
            self.client,
            config=config,
            ledger=ledger,
            is_site=policy.is_site,
            on_response=self._keep_response,
        )
        self.downloader = Downloader(self.signal, self.client, config=config, ledger=ledger)
        self._feeders: list[Feeder] = []
        self._responses: dict[str, Response] = {}
        """The last response of each engine."""
        self._lock = Lock()

    def search(self, engine: Engine, queries: Sequence[Query], crawl_id: int | None) -> None:
        """Search an engine for each query, which receives the URLs or the failure.

        Args:
            engine: the engine.
            queries: are modified in place.
            crawl_id: under which the results are recorded; None: not at all.
        """
        self._feed(self.parser.in_queue, queries, self.parser.thread_num)
        self.parser.start(engine=engine, crawl_id=crawl_id)
        self._drain(self.parser.out_queue, len(queries), f"{engine.name}: keywords")
        for worker in self.parser.workers:  # else one could still take a query of the next engine from the queue
            worker.join()

    def download(self, downloads: Sequence[Download], quota: Quota) -> None:
        """Download the photos that are needed; each item receives its photo or its failure."""
        self._download(downloads, quota, "photos")
        if again := [download for download in downloads if download.failure == HOST_DOWN]:  # it may be up again
            self._download(again, quota, "photos of hosts that were down")

    def save_response(self, engine: str) -> Path | None:
        """Write an engine's last response to a file that the user can open; return its path, None without response."""
        response = self._responses.get(engine)
        if response is None:
            return None
        content_type = response.headers.get("content-type", "")
        suffix = next((suffix for suffix in ("html", "json") if suffix in content_type), "txt")
        path = self.context.pools / "answers" / f"{engine}.{suffix}"
        atomic_write(path, response.body)
        return path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.cancel()
        end = time.monotonic() + _EXIT_WAIT_S
        pools: list[Any] = [self.parser, self.downloader, *self._feeders]
        for worker in (worker for pool in pools for worker in pool.workers):
            worker.join(max(0, end - time.monotonic()))
        self.client.close()

    def _download(self, downloads: Sequence[Download], quota: Quota, label: str) -> None:
        queue: HostQueue[Download] = HostQueue(
            self.client.rate_limiter,
            connections_per_host=self.config.connections_per_host,
            is_unthrottled=self.client.is_unthrottled,
            host_limits=self.policy.host_limits,
        )
        self.client.on_cancel(queue.cancel)
        for download in downloads:
            download.failure, download.transient = None, False
        self._feed(_DownloadQueue(queue, self.downloader.out_queue), downloads, 1)
        self.downloader.start(queue=queue, quota=quota)
        self._drain(self.downloader.out_queue, len(downloads), label)

    def _keep_response(self, engine: str, response: Response) -> None:
        with self._lock:
            self._responses[engine] = response

    def _feed(self, queue: Any, tasks: Sequence[Any], workers: int) -> None:
        feeder = Feeder(1, self.signal, self.client)
        feeder.out_queue = queue
        self._feeders.append(feeder)
        feeder.start(tasks=tasks, workers=workers)

    def _drain(self, queue: "Queue[Any]", count: int, label: str) -> None:
        """Wait until all items are done; raise the first error of this program."""
        with self.context.progress(label, total=count) as advance:
            for _ in range(count):
                if error := queue.get().error:
                    raise error
                advance(1)


class _DownloadQueue:
    """Adapter that looks like a plain queue to the feeder, where None means the end."""

    def __init__(self, queue: HostQueue[Download], skipped: "Queue[Download]") -> None:
        """Wrap a queue; what it doesn't accept, because the crawl has ended, goes to `skipped`."""
        self._queue, self._skipped = queue, skipped

    def put(self, download: Download | None) -> None:
        if download is None:
            self._queue.close()
        elif not self._queue.put(download, download.url):
            self._skipped.put(download)
