"""The demo's own photo site, searched and crawled over HTTP on this machine as any engine is on the net."""

from dataclasses import dataclass
from urllib.parse import urlencode

from configs.schema import CrawlConfig
from tasks.support.engine import Hit
from tasks.support.gallery_photos import VERSION
from tasks.support.harvest import Harvest
from tasks.support.job import Job
from tasks.support.ledger import Ledger


@dataclass(frozen=True)
class Gallery:
    """The engine of the site at a URL."""

    site: str
    name: str = "gallery"

    def page_url(self, keyword: str, page: int) -> str:
        """URL of a page of results."""
        return f"{self.site}/search?{urlencode({'q': keyword, 'page': page})}"

    def parse(self, body: bytes) -> list[Hit]:
        """The links of class `photo`."""
        from bs4 import BeautifulSoup

        links = BeautifulSoup(body, "html.parser").select("a.photo[href]")
        return [Hit(link["href"], link.get("data-licence")) for link in links]


def observe(config: CrawlConfig) -> dict[str, str | int]:
    """The version of the site's photos: there is never anything else new."""
    return {"site": VERSION}


def collect(config: CrawlConfig, ledger: Ledger, job: Job) -> Harvest:
    """Run the site, and crawl it."""
    from tasks.support.crawler import crawl
    from tasks.support.gallery_site import serve

    with serve(config.port) as site:
        return crawl(Gallery(site), config, ledger, job)
