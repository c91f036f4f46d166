"""A search engine on a scripted site, and crawls through it."""

import hashlib
import json
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from PIL import Image

from configs.schema import CrawlConfig, SearchFilters
from tasks.crawl.engines.engine import BlockedError, FormatChangedError, Hit, Page, Request, Response
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.policy import CrawlPolicy
from tasks.crawl.result import CrawlResult
from tasks.crawl.search import crawl
from tasks.store.context import StageContext

CATS_AND_DOGS = {"cat": ["cat"], "dog": ["dog"]}


def photo(name: str) -> bytes:
    """Return a PNG of 3x2 pixels that is different for each name."""
    out = BytesIO()
    Image.frombytes("RGB", (3, 2), hashlib.sha256(name.encode()).digest()[:18]).save(out, "PNG")
    return out.getvalue()


class ScriptedEngine:
    """An engine whose pages are JSON lists of URLs at `/NAME/KEYWORD/PAGE`; an empty list is the end."""

    is_api = False
    canary = "canary"

    def __init__(self, site: Any, name: str = "test") -> None:
        self.site, self.name = site, name

    def build_request(self, query: str, filters: SearchFilters) -> Request:
        return self._page(query, 0)

    def parse(self, request: Request, response: Response) -> Page:
        if response.status == 403:
            raise BlockedError("it wants a captcha")
        query, number = unquote(request.headers["query"]), int(request.headers["page"])
        try:
            urls = json.loads(response.body)
        except ValueError as error:
            raise FormatChangedError("no JSON") from error
        return Page([Hit(url, "/shown", "CC0", "me") for url in urls], [self._page(query, number + 1)] if urls else [])

    def _page(self, query: str, number: int) -> Request:
        url = f"{self.site.url}/{self.name}/{quote(query, safe='')}/{number}"
        return Request(url, {"query": quote(query), "page": f"{number}"})

    def show(self, keyword: str, *pages: list[str]) -> None:
        """Respond to a keyword with these pages, and to each URL on them with a photo."""
        for number, urls in enumerate([*pages, []]):
            self.site.on(f"/{self.name}/{keyword}/{number}", json.dumps(urls).encode())
            for url in urls:
                if url not in self.site.replies:
                    self.site.on(url, photo(url))


@pytest.fixture
def engine(site: Any) -> ScriptedEngine:
    engine = ScriptedEngine(site)
    engine.show("canary", ["/canary.jpg"])
    return engine


def run_crawl(
    engines: ScriptedEngine | list[ScriptedEngine],
    root: Path,
    keywords: dict[str, list[str]] = CATS_AND_DOGS,
    **settings: Any,
) -> CrawlResult:
    """Crawl into a folder.

    Args:
        engines: in order of precedence.
        root: the data folder.
        keywords: queries per class.
        **settings: of `CrawlConfig`; or `progress` of the `StageContext`, or `blocklist` of the `Ledger`.
    """
    progress, blocklist = settings.pop("progress", None), settings.pop("blocklist", ())
    context = StageContext(
        root, root / "out", root / "pools", root / "photos", **({"progress": progress} if progress else {})
    )
    config = CrawlConfig(sources="test", keywords=keywords, **({"retries": 1, "min_yield": 0} | settings))
    engines = engines if isinstance(engines, list) else [engines]
    policy = CrawlPolicy(unthrottled=[engines[0].site.url.removeprefix("http://")], retry_pause_s=0.001)
    with Ledger(root / "pools" / "ledger", context.photos, blocklist=blocklist) as ledger:
        return crawl(engines, config, ledger, context, policy)


def photo_requests(site: Any) -> dict[str, int]:
    """Return how often each photo was requested."""
    return {path: count for path, count in site.asked.items() if path.endswith(".jpg")}


def names(result: CrawlResult, label: str) -> list[str]:
    """Return the names of a class's photos, in order."""
    return [row.name for row in result.rows if row.label == label]
