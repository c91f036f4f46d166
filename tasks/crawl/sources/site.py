"""One site, crawled greedily: the keyword is the page to begin at, and all pages of its host are followed from there.

HTML as it is (html.spec.whatwg.org: img, srcset, picture, base, meta, rel), the attributes that scripts for lazy
loading have in common, Open Graph's og:image (ogp.me), and the meta tags `noai` and `noimageai`.
The crawl keeps the set of pages that it has seen; nothing is kept here.
"""

from dataclasses import dataclass
from urllib.parse import urldefrag, urlsplit

from configs.schema import CrawlConfig, SearchFilters
from tasks.crawl import keywords
from tasks.crawl.engines import html, parsing
from tasks.crawl.engines.engine import Answer, Hit, Page, Request
from tasks.crawl.engines.filters import Offer
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.result import CrawlResult
from tasks.store.context import StageContext
from tasks.store.errors import UserError

_OFFER = Offer("site")
_GONE = (400, 401, 403, 404, 405, 406, 410, 451)
_HTML = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True)
class Site:
    """The engine."""

    name: str = "site"
    canary: str = ""
    """None: each site is another."""
    official: bool = False
    offer: Offer = _OFFER

    def first(self, query: str, filters: SearchFilters) -> Request:
        """The page to begin at. Raises UserError if the keyword is no address, or if there is any filter."""
        self.offer.words(filters)
        url = parsing.web_url(query.strip())
        if url is None or not query.strip().lower().startswith(("http://", "https://")):
            raise UserError(f"crawl.keywords: {query!r} is no address of a page to begin at; write https://host/page")
        return Request(html.quoted(urldefrag(url).url))

    def read(self, request: Request, answer: Answer) -> Page:
        """The pictures of a page and the pages that it links to; nothing if it isn't HTML.

        Only the page to begin at can fail for good: on a site there is always a dead link.
        """
        is_first = "Referer" not in request.headers
        if not is_first and answer.status in _GONE:
            return Page(())
        parsing.require_ok(answer)
        if not is_first and urlsplit(answer.url).netloc.lower() != urlsplit(request.url).netloc.lower():
            return Page(())  # it leads to another site
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in _HTML and not (not kind and answer.body.lstrip()[:1] == b"<"):
            return Page(())
        soup = parsing.soup_of(answer)
        base = html.base_of(soup, answer.url)
        forbidden = html.robots(soup) | html.directives(answer.headers.get("x-robots-tag", ""))
        hits, links = [], []
        if not forbidden & {"noai", "noimageai", "noimageindex", "none"}:
            hits = [Hit(url, answer.url) for url in html.pictures(soup, base)]
        if not forbidden & {"nofollow", "none"}:
            links = [Request(url, {"Referer": answer.url}) for url in html.links(soup, base, answer.url)]
        return Page(hits, links)


ENGINE = Site()


def external_inputs(config: CrawlConfig) -> dict[str, str | int]:
    """The keywords, if they are in a file; what a site holds isn't known before it is crawled."""
    return keywords.external_inputs(config)


def collect(config: CrawlConfig, ledger: Ledger, context: StageContext) -> CrawlResult:
    """Crawl the sites of all classes."""
    from tasks.crawl.policy import CrawlPolicy
    from tasks.crawl.search import crawl

    return crawl([ENGINE], config, ledger, context, CrawlPolicy(is_site=True))
