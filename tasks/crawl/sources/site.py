"""A website: the keyword is the start URL, and all pages of the same host are followed from there.

It reads HTML (html.spec.whatwg.org: img, srcset, picture, base, meta, rel), the usual attributes of scripts for lazy
loading, Open Graph's og:image (ogp.me), and the meta tags `noai` and `noimageai`. The crawl remembers the pages that it
has visited; this module has no state.
"""

from dataclasses import dataclass
from urllib.parse import urldefrag, urlsplit

from configs.schema import CrawlConfig, SearchFilters
from tasks.crawl import keywords
from tasks.crawl.engines import html, parsing
from tasks.crawl.engines.engine import Hit, Page, Request, Response
from tasks.crawl.engines.filters import SupportedFilters
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.result import CrawlResult
from tasks.store.context import StageContext
from tasks.store.errors import UserError

_SUPPORTED = SupportedFilters("site")
_SKIPPED_STATUSES = (400, 401, 403, 404, 405, 406, 410, 451)
_HTML = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True)
class Site:
    """The engine for all sites."""

    name: str = "site"
    canary: str = ""
    """Empty: no query has results on every site."""
    is_api: bool = False
    supported_filters: SupportedFilters = _SUPPORTED

    def build_request(self, query: str, filters: SearchFilters) -> Request:
        """Request the start URL; raise UserError if the keyword is not a URL, or if there are filters."""
        self.supported_filters.translate(filters)
        url = parsing.web_url(query.strip())
        if url is None or not query.strip().lower().startswith(("http://", "https://")):
            raise UserError(f"crawl.keywords: {query!r} is not a start URL; write https://host/page")
        return Request(html.quote_url(urldefrag(url).url))

    def parse(self, request: Request, response: Response) -> Page:
        """Return the images of a page, and requests for the pages that it links to; nothing if it isn't HTML.

        A page that is gone is an error only at the start URL, because every site has dead links.
        """
        is_start = "Referer" not in request.headers
        if not is_start and response.status in _SKIPPED_STATUSES:
            return Page(())
        parsing.require_ok(response)
        if not is_start and urlsplit(response.url).netloc.lower() != urlsplit(request.url).netloc.lower():
            return Page(())  # redirected to another site
        content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type not in _HTML and not (not content_type and response.body.lstrip()[:1] == b"<"):
            return Page(())
        tags = parsing.parse_html(response)
        base = html.base_url(tags, response.url)
        forbidden = html.robots_directives(tags) | html.split_directives(response.headers.get("x-robots-tag", ""))
        hits, links = [], []
        if not forbidden & {"noai", "noimageai", "noimageindex", "none"}:
            hits = [Hit(url, response.url) for url in html.image_urls(tags, base)]
        if not forbidden & {"nofollow", "none"}:
            links = [Request(url, {"Referer": response.url}) for url in html.page_links(tags, base, response.url)]
        return Page(hits, links)


ENGINE = Site()


def external_inputs(config: CrawlConfig) -> dict[str, str | int]:
    """Return the keywords if they are in a file; the content of a site is not known before the crawl."""
    return keywords.external_inputs(config)


def collect(config: CrawlConfig, ledger: Ledger, context: StageContext) -> CrawlResult:
    """Crawl the start URLs of all classes."""
    from tasks.crawl.policy import CrawlPolicy
    from tasks.crawl.search import crawl

    return crawl([ENGINE], config, ledger, context, CrawlPolicy(is_site=True))
