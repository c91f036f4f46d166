"""The demo's source: its engine, and a crawl of its site."""

from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pytest

from configs.schema import CrawlConfig
from tasks.sources import gallery
from tasks.support import gallery_site
from tasks.support.harvest import Harvest
from tasks.support.job import Job
from tasks.support.ledger import Ledger


def test_the_engine_quotes_keywords_and_reads_links() -> None:
    engine = gallery.Gallery("http://host")
    assert engine.page_url("a & b/ü", 2) == "http://host/search?q=a+%26+b%2F%C3%BC&page=2"
    hits = engine.parse(
        b'<a class="photo" href="/p/1.jpg" data-licence="CC0">1</a><a class="photo">2</a><a href="/x">3</a>'
    )
    assert [(hit.url, hit.licence) for hit in hits] == [("/p/1.jpg", "CC0")]
    assert engine.parse(b"<html>nothing found") == []


def test_a_second_crawl_asks_for_no_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Counter[str] = Counter()
    answer = gallery_site.Handler.do_GET

    def count(handler: gallery_site.Handler) -> None:
        asked[unquote(handler.path)] += 1
        answer(handler)

    monkeypatch.setattr(gallery_site.Handler, "do_GET", count)
    keywords = {"eight": ("handwritten eight", "scanned eight"), "nine": ("digit nine",)}
    config = CrawlConfig(source="gallery", keywords=keywords, port=18765)
    job = Job(tmp_path, tmp_path / "out", tmp_path / "pools", tmp_path / "photos")

    def crawl() -> Harvest:
        with Ledger(tmp_path / "ledger", job.photos) as ledger:
            return gallery.collect(config, ledger, job)

    first = crawl()
    photos = {path: count for path, count in asked.items() if path.startswith(gallery_site.PHOTOS)}
    assert len(photos) == first.counts["fetched"] == len({row.url for row in first.rows})
    assert set(photos.values()) == {1}
    assert {row.licence for row in first.rows} == {"CC BY 4.0"}
    asked.clear()
    second = crawl()
    assert second.rows == first.rows
    assert not [path for path in asked if path.startswith(gallery_site.PHOTOS)]
