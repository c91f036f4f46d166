"""A crawl over HTTP: icrawler's feeder, parser and downloader, for all keywords of all classes at once.

icrawler 0.6.10 gives the pools of threads, the session and their wiring. Mended here, because they lose photos or time
without a word:

- It guesses by time-outs whether more work will come: a downloader quits in a gap of 5 s, and each crawl ends with a
  tail of up to 7 s. Here a pool has all of its work before it starts, and ends when its queue is empty.
- Its queues drop a task that they have seen, even one that only timed out on its way in. Here they are plain queues.
- An error in a parser or a downloader ends the thread. Here each task comes back done, whatever happened to it.
- It tries again at once, and only if the connection fails; answers such as 429 and 503 are final. See `web`.
- It numbers its files, so that a second crawl collides with the first, and neither returns nor counts what it got.
- It can't tell "no results" from "no answer", and puts keywords into URLs unquoted (`Engine.page_url` quotes).
- It pretends to be Chrome, and sets up the logging of the whole process.
"""

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from queue import Empty, Queue
from typing import Any
from urllib.parse import urljoin

import icrawler
from icrawler.utils import Session
from requests.adapters import HTTPAdapter

from configs.schema import CrawlConfig
from tasks.support.engine import Engine
from tasks.support.errors import UserError
from tasks.support.harvest import Harvest, Row, require_two_classes
from tasks.support.job import Job
from tasks.support.leads import Download, Lead, Search, downloads_of, kept, orders, row_of
from tasks.support.ledger import Ledger
from tasks.support.web import FetchError, Web, user_agent

logger = logging.getLogger("fluke.crawl")

_MOST_HITS = 1000
"""Of one keyword; engines have no more."""
_SPARE = 2
"""So many times the photos that are wanted are looked for, since links die."""
_PARTING_S = 2.0
"""How long threads that are under way are waited for when the crawl is interrupted."""


class Feeder(icrawler.Feeder):
    """Queues the searches for the parser."""

    def worker_exec(self, searches: Sequence[Search]) -> None:
        """Body of the thread."""
        for search in searches:
            self.out_queue.put(search)


class _Drain:
    """What parser and downloader share: threads that do what is in their queue, and end when it is empty."""

    in_queue: "Queue[Any]"
    out_queue: "Queue[Any]"

    def do(self, task: Any) -> None:
        """Do one task."""
        raise NotImplementedError

    def worker_exec(self, web: Web) -> None:
        """Body of each thread; every task comes out again, whatever happens to it."""
        while not web.stopped:
            try:
                task = self.in_queue.get_nowait()
            except Empty:
                return
            try:
                self.do(task)
            except FetchError as failure:
                task.failure = str(failure)
            except Exception as error:
                task.error = error
            finally:
                self.out_queue.put(task)


class Parser(_Drain, icrawler.Parser):
    """Asks the engine for page after page of a keyword's results."""

    def __init__(self, config: CrawlConfig, signal: Any, session: Session, engine: Engine, web: Web) -> None:
        super().__init__(config.threads, signal, session)
        most_hits = min(_MOST_HITS, _SPARE * config.per_class) if config.per_class else _MOST_HITS
        self._engine, self._web, self._most_hits = engine, web, most_hits

    def do(self, task: Search) -> None:
        """Collect leads until there are enough, or a page brings none that is new."""
        seen: set[str] = set()
        for page in range(self._most_hits):
            page_url = self._engine.page_url(task.keyword, page)
            body = self._web.get(page_url)
            try:
                urls = [(_joined(page_url, hit.url), hit.licence) for hit in self._engine.parse(body)]
            except Exception as error:  # engines change their pages
                raise FetchError(f"its page can't be read: {type(error).__name__}: {error}") from error
            known = len(seen)
            for url, licence in urls:
                if url not in seen and len(seen) < self._most_hits:
                    seen.add(url)
                    task.leads.append(Lead(url, task.label, task.keyword, len(seen), licence))
            if len(seen) in (known, self._most_hits):
                break


class Downloader(_Drain, icrawler.Downloader):
    """Brings in photos through the ledger, until each class has enough."""

    def __init__(self, config: CrawlConfig, signal: Any, session: Session, ledger: Ledger, web: Web) -> None:
        super().__init__(config.threads, signal, session, ledger)
        self._web, self._per_class = web, config.per_class
        self._places: dict[str, dict[str, int]] = {}
        """Per class: each photo that it has, with its first place in the class's order."""

    def start(self, **kwargs: Any) -> None:
        """Start the threads; there are no files to number."""
        icrawler.downloader.ThreadPool.start(self, **kwargs)

    def do(self, task: Download) -> None:
        """Fetch one photo, unless the ledger has it or no class needs it."""
        if not self._is_wanted(task):
            return
        photo = self.storage.known(task.url)
        if photo is None:
            photo = self.storage.put(task.url, self._web.get(task.url))
            task.fetched = True
        task.photo = photo
        with self.lock:
            for label, place in task.places.items():
                places = self._places.setdefault(label, {})
                places[photo.sha256] = min(place, places.get(photo.sha256, place))

    def _is_wanted(self, task: Download) -> bool:
        """Whether a class has too few photos *before* this one: what is kept never depends on who was first."""
        if self._per_class is None:
            return True
        with self.lock:
            return any(
                sum(other < place for other in self._places.get(label, {}).values()) < self._per_class
                for label, place in task.places.items()
            )


class Crawler(icrawler.Crawler):
    """The pools of one crawl, wired up."""

    def __init__(self, engine: Engine, config: CrawlConfig, ledger: Ledger, *, pause_s: float) -> None:
        # Not the parent's __init__, which sets up logging and insists on storing numbered files.
        self.set_proxy_pool()
        self.set_session({"User-Agent": user_agent()})
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, HTTPAdapter(pool_maxsize=config.threads))
        self.session.proxies["http://127.0.0.1"] = ""  # no proxy of the environment can reach the demo's site
        self.init_signal()
        self.web = Web(self.session, timeout_s=config.timeout_s, retries=config.retries, pause_s=pause_s)
        shared = (config, self.signal, self.session)
        self.feeder = Feeder(1, self.signal, self.session)
        self.parser = Parser(*shared, engine, self.web)
        self.downloader = Downloader(*shared, ledger, self.web)
        for pool in (self.feeder, self.parser, self.downloader):
            pool.in_queue, pool.out_queue = Queue(), Queue()
        self.feeder.connect(self.parser)

    def crawl(self, keywords: Mapping[str, Sequence[str]], job: Job) -> tuple[list[Search], list[Download]]:
        """Search for each class's keywords and download what is found."""
        searches = [Search(label, keyword) for label, queries in keywords.items() for keyword in queries]
        try:
            self.feeder.start(searches=searches)
            self._join(self.feeder)
            self._finish(self.parser, len(searches), "keywords", job)
            downloads = downloads_of(searches)
            for download in downloads:
                self.downloader.in_queue.put(download)
            self._finish(self.downloader, len(downloads), "photos", job)
        finally:
            self.web.stop()  # after an interrupt, for the threads that are under way
            end = time.monotonic() + _PARTING_S
            for pool in (self.parser, self.downloader):
                self._join(pool, end)
            self.session.close()
        return searches, downloads

    def _finish(self, pool: Parser | Downloader, count: int, label: str, job: Job) -> None:
        with job.progress(label, total=count) as advance:
            pool.start(web=self.web)
            for _ in range(count):
                if error := pool.out_queue.get().error:
                    raise error
                advance(1)

    def _join(self, pool: Any, end: float | None = None) -> None:
        for worker in pool.workers:
            worker.join(None if end is None else max(0, end - time.monotonic()))


def crawl(engine: Engine, config: CrawlConfig, ledger: Ledger, job: Job, *, pause_s: float = 0.5) -> Harvest:
    """Search an engine for `config.keywords` and bring in what it finds.

    Of each class the first `per_class` different photos are kept, in the order of their ranks over all of its keywords.
    pause_s: before the first retry; doubled for each further one.
    Raises UserError if fewer than two classes have photos.
    """
    require_two_classes(
        (label for label, queries in config.keywords.items() if queries),
        "crawl.keywords",
        "name two classes with a keyword each, e.g. crawl.keywords='{cat: [cat], dog: [dog]}'",
    )
    searches, downloads = Crawler(engine, config, ledger, pause_s=pause_s).crawl(config.keywords, job)
    _report(searches, downloads)
    _require_answers(searches)
    photos = {download.url: download.photo for download in downloads}
    rows = [
        row_of(lead, photo, engine.name)
        for leads in orders(searches).values()
        for lead, photo in kept(leads, photos, config.per_class)
    ]
    _require_photos(rows, searches, downloads)
    counts = {
        "keywords": len(searches),
        "found": len(downloads),
        "fetched": sum(download.fetched for download in downloads),
        "failed": sum(done.failure is not None for done in [*searches, *downloads]),
    }
    return Harvest(rows, counts)


def _joined(page_url: str, url: str) -> str:
    """A hit's absolute URL; a malformed one is left as it is, to be counted as a failed download."""
    try:
        return urljoin(page_url, url)
    except ValueError:
        return url


def _require_answers(searches: Sequence[Search]) -> None:
    """Raise UserError if a search failed: a class that is short of photos only because of that must not be cached."""
    failed = [search for search in searches if search.failure]
    if failed:
        raise UserError(
            f"{len(failed)} of {len(searches)} searches failed, the first for {failed[0].keyword!r}: "
            f"{failed[0].failure}; run again later: what was fetched is kept"
        )


def _require_photos(rows: Sequence[Row], searches: Sequence[Search], downloads: Sequence[Download]) -> None:
    """Raise UserError, with the first reason there is, if there is nothing to classify."""
    if len({row.label for row in rows}) >= 2:
        return
    failed = next((f"; first failure: {done.failure}" for done in [*searches, *downloads] if done.failure), "")
    names = ", ".join(repr(search.keyword) for search in searches[:3]) + (" ..." if len(searches) > 3 else "")
    got = f"photos of {rows[0].label!r} only" if rows else "no photo"
    raise UserError(
        f"crawl.keywords: {len(searches)} searches ({names}) brought {got}{failed}; "
        "check the network and the keywords: a classifier needs photos of two classes"
    )


def _report(searches: Sequence[Search], downloads: Sequence[Download]) -> None:
    """Say what brought nothing."""
    for search in searches:
        if search.failure:
            logger.warning(
                "the search for %r failed (%s): %d found before", search.keyword, search.failure, len(search.leads)
            )
        elif not search.leads:
            logger.warning("the search for %r (class %s) found nothing", search.keyword, search.label)
    reasons = Counter(download.failure for download in downloads if download.failure)
    if reasons:
        logger.warning(
            "%d of %d downloads failed: %s",
            reasons.total(),
            len(downloads),
            ", ".join(f"{count} x {reason}" for reason, count in reasons.most_common()),
        )
        for download in downloads:
            if download.failure:
                logger.info("%s: %s", download.url, download.failure)
