"""The demo's photo site on this machine, crawled over HTTP as a search engine is."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from configs.schema import CrawlConfig, SearchFilters
from tasks.crawl import keywords
from tasks.crawl.demo.photos import VERSION
from tasks.crawl.engines.engine import BlockedError, FormatChangedError, Hit, Page, Request, Response
from tasks.crawl.engines.parsing import parse_html
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.result import CrawlResult
from tasks.store.context import StageContext
from tasks.store.errors import UserError


@dataclass(frozen=True)
class Gallery:
    """The engine for the demo site at the URL `site`."""

    site: str
    name: str = "gallery"
    canary: str = "digit zero"
    is_api: bool = False

    def build_request(self, query: str, filters: SearchFilters) -> Request:
        """Request the first page of results; raise UserError if there are filters, which the site doesn't support."""
        if filters != SearchFilters():
            raise UserError("crawl.filters: the demo's gallery doesn't support filters; remove them")
        return self._page(query, 0)

    def parse(self, request: Request, response: Response) -> Page:
        """Return the links of the CSS class `photo`."""
        if response.status != 200:
            raise BlockedError(f"HTTP {response.status}")
        tags = parse_html(response)
        if not any(tag.name == "ul" for tag in tags):
            raise FormatChangedError("the page has no list of photos")
        links = [tag.attributes for tag in tags if tag.name == "a" and "photo" in tag.words("class")]
        hits = [Hit(link["href"], licence=link.get("data-licence")) for link in links if "href" in link]
        query = dict(parse_qsl(urlsplit(request.url).query))
        return Page(hits, [self._page(query["q"], int(query["page"]) + 1)] if hits else [])

    def _page(self, query: str, number: int) -> Request:
        return Request(f"{self.site}/search?{urlencode({'q': query, 'page': number})}")


def external_inputs(config: CrawlConfig) -> dict[str, str | int]:
    """Return the version of the site's photos, which never change otherwise, and the keywords if they are in a file."""
    return {"site": VERSION, **keywords.external_inputs(config)}


def collect(config: CrawlConfig, ledger: Ledger, context: StageContext) -> CrawlResult:
    """Start the site, and crawl it."""
    from tasks.crawl.demo.server import serve
    from tasks.crawl.policy import CrawlPolicy
    from tasks.crawl.search import crawl

    if config.replay:
        return crawl([Gallery("")], config, ledger, context)
    with serve(config.port) as site:
        return crawl([Gallery(site)], config, ledger, context, CrawlPolicy(unthrottled=[urlsplit(site).netloc]))
