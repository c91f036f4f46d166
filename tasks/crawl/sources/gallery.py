"""The demo's own photo site, searched and crawled over HTTP on this machine as any engine is on the net."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from configs.schema import CrawlConfig, SearchFilters
from tasks.crawl import keywords
from tasks.crawl.demo.photos import VERSION
from tasks.crawl.engines.engine import Answer, ChangedError, Hit, Page, RefusedError, Request
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.result import CrawlResult
from tasks.store.context import StageContext
from tasks.store.errors import UserError


@dataclass(frozen=True)
class Gallery:
    """The engine of the site at a URL."""

    site: str
    name: str = "gallery"
    canary: str = "digit zero"
    official: bool = False

    def first(self, query: str, filters: SearchFilters) -> Request:
        """The first page of results; the site has no filters."""
        if filters != SearchFilters():
            raise UserError("crawl.filters: the gallery of the demo can't filter; unset them")
        return self._page(query, 0)

    def read(self, request: Request, answer: Answer) -> Page:
        """The links of class `photo`."""
        from bs4 import BeautifulSoup

        if answer.status != 200:
            raise RefusedError(f"HTTP {answer.status}")
        page = BeautifulSoup(answer.body, "html.parser")
        if page.ul is None:
            raise ChangedError("its page has no list of photos")
        hits = [Hit(link["href"], licence=link.get("data-licence")) for link in page.select("a.photo[href]")]
        query = dict(parse_qsl(urlsplit(request.url).query))
        return Page(hits, [self._page(query["q"], int(query["page"]) + 1)] if hits else [])

    def _page(self, query: str, number: int) -> Request:
        return Request(f"{self.site}/search?{urlencode({'q': query, 'page': number})}")


def external_inputs(config: CrawlConfig) -> dict[str, str | int]:
    """The version of the site's photos, and the keywords if they are in a file: there is never anything else new."""
    return {"site": VERSION, **keywords.external_inputs(config)}


def collect(config: CrawlConfig, ledger: Ledger, context: StageContext) -> CrawlResult:
    """Run the site, and crawl it."""
    from tasks.crawl.demo.server import serve
    from tasks.crawl.policy import CrawlPolicy
    from tasks.crawl.search import crawl

    if config.replay:
        return crawl([Gallery("")], config, ledger, context)
    with serve(config.port) as site:
        return crawl([Gallery(site)], config, ledger, context, CrawlPolicy(unthrottled=[urlsplit(site).netloc]))
