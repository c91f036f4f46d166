"""The threads of a crawl: what icrawler loses isn't lost here."""

import json
import time
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from configs.schema import CrawlConfig
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.policy import CrawlPolicy
from tasks.crawl.search import crawl
from tasks.crawl.sources.site import ENGINE
from tasks.store.context import StageContext
from tasks.store.errors import UserError
from tests.helpers.scripted_engine import CATS_AND_DOGS, ScriptedEngine, names, photo, photo_requests, run_crawl


@pytest.mark.slow
def test_one_thread_downloads_more_photos_than_fit_into_a_queue(engine: ScriptedEngine, tmp_path: Path) -> None:
    """icrawler's queues take five tasks per thread and drop the rest, and its threads end by time-outs."""
    engine.show("cat", [f"/cat{n}.jpg" for n in range(60)])
    engine.show("dog", [f"/dog{n}.jpg" for n in range(60)])
    assert run_crawl(engine, tmp_path, threads=1).counts["fetched"] == 120


def test_files_that_are_not_intact_photos_are_dropped_with_the_reason(engine: ScriptedEngine, tmp_path: Path) -> None:
    bad = {
        "/page.jpg": b"<!doctype html><p>Sign in to see this photo",
        "/drawing.jpg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        "/cut.jpg": photo("cut")[:-35],
        "/empty.jpg": b"",
        "/gone.jpg": engine.site.status(410),
        "/noai.jpg": engine.site.status(200, photo("noai"), X_Robots_Tag="noai"),
        "/inside.jpg": engine.site.status(302, Location="http://169.254.169.254/latest/meta-data"),
    }
    engine.show("cat", ["/cat1.jpg", *bad, "http://[::1", "/busy.jpg", "/cat2.jpg"])
    engine.show("dog", ["/dog.jpg"])
    for url, reply in bad.items():
        engine.site.on(url, reply)
    engine.site.on("/busy.jpg", engine.site.status(503), photo("busy"))
    result = run_crawl(engine, tmp_path)
    assert names(result, "cat") == ["cat1.jpg", "busy.jpg", "cat2.jpg"]
    assert result.stats
    assert dict(result.stats.dropped) == {
        "not a picture": 3,
        "truncated": 1,
        "HTTP 410": 1,
        "noai": 1,
        "private address": 1,
        "malformed URL": 1,
    }
    reasons = {drop["url"].rpartition("/")[2]: drop["reason"] for drop in result.stats.dropped_rows()}
    assert reasons["cut.jpg"] == "truncated"


@pytest.mark.slow
def test_a_failed_url_waits_longer_after_each_failure_and_is_reported(
    engine: ScriptedEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.show("cat", ["/cat.jpg", "/gone.jpg", "/busy.jpg"])
    engine.show("dog", ["/dog.jpg"])
    engine.site.on("/gone.jpg", engine.site.status(404))
    engine.site.on("/busy.jpg", engine.site.status(503))
    run_crawl(engine, tmp_path, retries=0)
    engine.site.asked.clear()
    second = run_crawl(engine, tmp_path, retries=0)
    assert photo_requests(engine.site) == {"/busy.jpg": 1}  # a transient failure is tried again at once
    assert second.counts["dropped (failed before)"] == 1
    run_crawl(engine, tmp_path, retries=0)
    assert photo_requests(engine.site) == {"/busy.jpg": 1}
    tomorrow = time.time() + 25 * 3600
    monkeypatch.setattr("time.time", lambda: tomorrow)
    engine.site.on("/busy.jpg", photo("busy"))
    assert names(run_crawl(engine, tmp_path, retries=0), "cat") == ["cat.jpg", "busy.jpg"]
    assert photo_requests(engine.site) == {"/busy.jpg": 2, "/gone.jpg": 1}


def test_a_search_ends_when_a_page_has_no_new_hits(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat.jpg"], ["/cat.jpg"], ["/cat.jpg"])
    engine.show("dog", ["/dog.jpg"])
    run_crawl(engine, tmp_path)
    assert engine.site.asked["/test/cat/1"] == 1
    assert engine.site.asked["/test/cat/2"] == 0


def test_max_pages_ends_a_search(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.show("cat", *([f"/cat{n}.jpg"] for n in range(9)))
    engine.show("dog", ["/dog.jpg"])
    assert len(names(run_crawl(engine, tmp_path, max_pages=4), "cat")) == 4


def site_page(*links: str, photo: str) -> bytes:
    return "".join([f"<img src={photo}>", *(f"<a href={link}>more</a>" for link in links)]).encode()


def test_a_site_is_crawled_although_some_of_its_pages_fail(engine: ScriptedEngine, tmp_path: Path) -> None:
    site, html = engine.site, {"Content_Type": "text/html"}
    site.on("/robots.txt", b"User-agent: *\nDisallow: /private\nCrawl-delay: 0.001")
    links = ["/private", "/broken", "/inside", "/hangs-up", "/two"]
    site.on("/one", site.status(200, site_page(*links, photo="/1.jpg"), **html))
    site.on("/two", site.status(200, site_page("/one", photo="/2.jpg"), **html))
    site.on("/other", site.status(200, site_page(photo="/3.jpg"), **html))
    site.on("/broken", site.status(500))
    site.on("/inside", site.status(302, Location="http://169.254.169.254/latest"))
    site.on("/hangs-up", site.hang_up)
    for name in ("/1.jpg", "/2.jpg", "/3.jpg"):
        site.on(name, photo(name))
    context = StageContext(tmp_path, tmp_path / "out", tmp_path / "pools", tmp_path / "photos")
    config = CrawlConfig(
        sources="site",
        keywords={"cat": [f"{site.url}/one"], "dog": [f"{site.url}/other"]},
        private_hosts=(site.url.removeprefix("http://"),),
        requests_per_s=1000,
        retries=0,
    )
    with Ledger(tmp_path / "pools" / "ledger", context.photos) as ledger:
        result = crawl([ENGINE], config, ledger, context, CrawlPolicy(is_site=True, retry_pause_s=0.001))
    assert names(result, "cat") == ["1.jpg", "2.jpg"]
    assert site.asked["/private"] == 0


@pytest.mark.slow
def test_an_engine_that_refuses_several_queries_in_a_row_is_not_used_any_more(
    engine: ScriptedEngine, tmp_path: Path
) -> None:
    other = ScriptedEngine(engine.site, "other")
    keywords = {f"class {n}": [f"class {n}"] for n in range(60)}
    for label in keywords:
        engine.site.on(f"/test/{label}/0", engine.site.status(403))
        other.show(label, [f"/{label}.jpg"])
    result = run_crawl([engine, other], tmp_path, keywords, per_class=1)
    assert len(result.rows) == 60
    assert sum(count for path, count in engine.site.asked.items() if path.startswith("/test/")) < 20
    assert result.stats
    assert {search.error for search in result.stats.searches if search.engine == "test"} == {
        "it wants a captcha",
        "skipped after 3 failed queries in a row: it wants a captcha",
    }


def test_an_engine_gets_no_more_connections_than_other_hosts(engine: ScriptedEngine, tmp_path: Path) -> None:
    at_once, most, lock = 0, 0, Lock()

    def slow(handler: Any) -> None:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.02)
        with lock:
            at_once -= 1
        engine.site.status(200, json.dumps(["/photo.jpg"]).encode())(handler)

    keywords = {f"class {n}": [f"class {n}"] for n in range(12)}
    for label in keywords:
        engine.show(label, ["/photo.jpg"])
        engine.site.on(f"/test/{label}/0", slow)
    run_crawl(engine, tmp_path, keywords, connections_per_host=2)
    assert most == 2


def test_a_host_that_responds_429_again_and_again_is_not_used_any_more(site: Any, tmp_path: Path) -> None:
    """Otherwise each photo is requested again and again, and the whole crawl waits for one host."""
    engine = ScriptedEngine(site)
    engine.show("cat", [f"/cat{n}.jpg" for n in range(100)])
    engine.show("dog", ["/dog.jpg"])
    for n in range(5, 100):
        site.on(f"/cat{n}.jpg", site.status(429))
    context = StageContext(tmp_path, tmp_path / "out", tmp_path / "pools", tmp_path / "photos")
    host = site.url.removeprefix("http://")
    config = CrawlConfig(
        sources="test", keywords=CATS_AND_DOGS, private_hosts=(host,), requests_per_s=1000, retries=0, min_yield=0
    )
    with Ledger(tmp_path / "pools" / "ledger", context.photos) as ledger:
        result = crawl([engine], config, ledger, context, CrawlPolicy(retry_pause_s=0.001))
    assert len(result.rows) == 6
    assert sum(photo_requests(site).values()) < 40
    assert result.stats
    assert result.stats.dropped["host is down or has had enough"] > 60


def test_crawls_without_any_response_do_not_count_as_failures_of_urls(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat.jpg"])
    engine.show("dog", ["/dog.jpg"])
    run_crawl(engine, tmp_path)
    for path in (tmp_path / "photos").rglob("*.png"):
        path.unlink()
    replies = dict(engine.site.replies)
    for path in list(engine.site.replies):
        engine.site.on(path, engine.site.refuse)
    for _ in range(3):
        with pytest.raises(UserError):
            run_crawl(engine, tmp_path, retries=0)
    engine.site.replies.update(replies)
    assert len(run_crawl(engine, tmp_path).rows) == 2
