"""The crawl over HTTP: what icrawler loses, this keeps."""

import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from configs.schema import CrawlConfig, SearchFilters
from tasks.crawl.engines.engine import BlockedError, FormatChangedError, Hit, Page, Request, Response
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.result import Harvest
from tasks.crawl.search import crawl
from tasks.crawl.sources.site import ENGINE
from tasks.store.context import StageContext
from tasks.store.errors import UserError

CATS_AND_DOGS = {"cat": ["cat"], "dog": ["dog"]}


def photo(name: str) -> bytes:
    """A PNG of 3x2 pixels that differs for each name."""
    out = BytesIO()
    Image.frombytes("RGB", (3, 2), hashlib.sha256(name.encode()).digest()[:18]).save(out, "PNG")
    return out.getvalue()


class Engine:
    """Pages are JSON lists of URLs at `/NAME/KEYWORD/PAGE`; an empty one is the end."""

    is_api = False
    canary = "canary"

    def __init__(self, site: Any, name: str = "test") -> None:
        self.site, self.name = site, name

    def build_request(self, query: str, filters: SearchFilters) -> Request:
        return self._page(query, 0)

    def parse(self, request: Request, response: Response) -> Page:
        if response.status == 403:
            raise BlockedError("it wants a captcha")
        query, number = request.headers["query"], int(request.headers["page"])
        try:
            urls = json.loads(response.body)
        except ValueError as error:
            raise FormatChangedError("no JSON") from error
        return Page([Hit(url, "/shown", "CC0", "me") for url in urls], [self._page(query, number + 1)] if urls else [])

    def _page(self, query: str, number: int) -> Request:
        url = f"{self.site.url}/{self.name}/{quote(query, safe='')}/{number}"
        return Request(url, {"query": quote(query), "page": f"{number}"})

    def show(self, keyword: str, *pages: list[str]) -> None:
        """Answer a keyword with these pages, and the URLs on them with a photo each."""
        for number, urls in enumerate([*pages, []]):
            self.site.on(f"/{self.name}/{keyword}/{number}", json.dumps(urls).encode())
            for url in urls:
                if url not in self.site.replies:
                    self.site.on(url, photo(url))


@pytest.fixture
def engine(site: Any) -> Engine:
    engine = Engine(site)
    engine.show("canary", ["/canary.jpg"])
    return engine


def run(
    engines: Engine | list[Engine], root: Path, keywords: dict[str, list[str]] = CATS_AND_DOGS, **settings: Any
) -> Harvest:
    progress, forgotten = settings.pop("progress", None), settings.pop("forgotten", ())
    context = StageContext(
        root, root / "out", root / "pools", root / "photos", **({"progress": progress} if progress else {})
    )
    config = CrawlConfig(sources="test", keywords=keywords, **({"retries": 1, "min_yield": 0} | settings))
    engines = engines if isinstance(engines, list) else [engines]
    host = engines[0].site.url.removeprefix("http://")
    with Ledger(root / "pools" / "ledger", context.photos, forgotten=forgotten) as ledger:
        return crawl(engines, config, ledger, context, allowed=[host], pause_s=0.001)


def asked(site: Any) -> dict[str, int]:
    """How often each photo was asked for."""
    return {path: count for path, count in site.asked.items() if path.endswith(".jpg")}


def names(harvest: Harvest, label: str) -> list[str]:
    return [row.name for row in harvest.rows if row.label == label]


def test_rows_say_where_each_photo_is_from(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", ["/a/1.jpg", "/a/b%20c.jpg"], ["/a/3.jpg"])
    engine.show("dog", ["/d/1.jpg"])
    engine.site.on("/a/b c.jpg", engine.site.status(200, photo("b c"), ETag='"17"'))
    harvest = run(engine, tmp_path)
    row = harvest.rows[1]
    assert (row.label, row.name, row.keyword, row.rank, row.licence) == ("cat", "b c.jpg", "cat", 2, "CC0")
    assert (row.author, row.page, row.status, row.etag) == ("me", f"{engine.site.url}/shown", 200, '"17"')
    assert (row.width_px, row.height_px, row.bytes) == (3, 2, len(photo("b c")))
    assert (tmp_path / "photos" / row.file).read_bytes() == photo("b c")
    assert row.file.endswith(f"{row.photo}.png")
    assert names(harvest, "cat") == ["1.jpg", "b c.jpg", "3.jpg"]
    counts = {name: harvest.counts[name] for name in ("searches", "found", "fetched", "dropped")}
    assert counts == {"searches": 2, "found": 4, "fetched": 4, "dropped": 0}


@pytest.mark.parametrize(
    "keyword", ["Kätzchen & Co?/#1", "../../x", "a\0b", "고양이", "x" * 300, "\u202egnp.exe", "a, b", "100% cat"]
)
def test_keywords_arrive_as_they_were_given_and_name_no_file(engine: Engine, tmp_path: Path, keyword: str) -> None:
    engine.show(keyword, ["/a.jpg"])
    engine.show("dog", ["/d.jpg"])
    assert names(run(engine, tmp_path, {keyword: [keyword], "dog": ["dog"]}), keyword) == ["a.jpg"]
    files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.parts[0] for path in files} == {"photos", "pools"}
    assert all(path.name.isascii() and len(path.name) < 80 for path in files)


def test_one_thread_brings_in_more_than_fits_a_queue(engine: Engine, tmp_path: Path) -> None:
    """icrawler's queues hold five tasks a thread, drop those that didn't fit, and its threads end by time-outs."""
    engine.show("cat", [f"/cat{n}.jpg" for n in range(60)])
    engine.show("dog", [f"/dog{n}.jpg" for n in range(60)])
    assert run(engine, tmp_path, threads=1).counts["fetched"] == 120


def test_a_second_night_fetches_only_what_is_new(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", [f"/cat{n}.jpg" for n in range(9)])
    engine.show("dog", [f"/dog{n}.jpg" for n in range(9)])
    first = run(engine, tmp_path)
    engine.site.asked.clear()
    engine.show("cat", ["/new.jpg", *(f"/cat{n}.jpg" for n in range(5))])  # it shows others tonight, in another order
    second = run(engine, tmp_path, threads=3)
    assert asked(engine.site) == {"/new.jpg": 1}
    assert {row.photo for row in second.rows} == {row.photo for row in first.rows} | {second.rows[9].photo}
    assert names(second, "cat") == [*names(first, "cat"), "new.jpg"]
    assert second.tally
    assert [line.new for line in second.tally.lines] == [1, 0]
    assert second.counts["fetched"] == 1


def test_a_target_that_is_met_is_not_asked_for_again(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", [f"/cat{n}.jpg" for n in range(4)])
    engine.show("dog", ["/dog0.jpg"])
    first = run(engine, tmp_path, per_class=2)
    engine.site.asked.clear()
    engine.show("dog", ["/dog1.jpg", "/dog0.jpg"])
    second = run(engine, tmp_path, per_class=2)
    assert dict(engine.site.asked) == {"/test/dog/0": 1, "/test/dog/1": 1, "/dog1.jpg": 1}
    assert names(second, "cat") == names(first, "cat") == ["cat0.jpg", "cat1.jpg"]
    assert names(second, "dog") == ["dog0.jpg", "dog1.jpg"]
    more = run(engine, tmp_path, per_class=3)  # what was found and not needed then is fetched first
    assert names(more, "cat") == ["cat0.jpg", "cat1.jpg", "cat2.jpg"]


def test_a_damaged_photo_is_fetched_again(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat1.jpg", "/cat2.jpg"])
    engine.show("dog", ["/dog.jpg"])
    lost = tmp_path / "photos" / run(engine, tmp_path).rows[1].file
    lost.rename(lost.with_name(f".damaged-{lost.name}"))
    engine.site.asked.clear()
    assert run(engine, tmp_path).counts["fetched"] == 1
    assert asked(engine.site) == {"/cat2.jpg": 1}
    assert lost.read_bytes() == photo("/cat2.jpg")


def test_a_url_of_two_keywords_and_classes_is_fetched_once(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", ["/both.jpg", "/cat.jpg"])
    engine.show("kitten", ["/kitten.jpg", "/cat.jpg", "/both.jpg"])
    engine.show("dog", ["/dog.jpg", "/both.jpg"])
    harvest = run(engine, tmp_path, {"cat": ["cat", "kitten"], "dog": ["dog"]})
    assert names(harvest, "cat") == ["both.jpg", "kitten.jpg", "cat.jpg"]
    assert names(harvest, "dog") == ["dog.jpg", "both.jpg"]
    assert engine.site.asked["/both.jpg"] == 1


def test_a_photo_at_many_urls_is_one_row_of_its_class(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", [f"/cat{n}.jpg" for n in range(20)])
    engine.show("dog", ["/dog.jpg"])
    for n in range(20):
        engine.site.on(f"/cat{n}.jpg", photo("the one"))
    harvest = run(engine, tmp_path)
    assert names(harvest, "cat") == ["cat0.jpg"]
    assert harvest.counts["same photo at another URL"] == 19


def test_per_class_keeps_the_first_by_rank_whatever_thread_is_first(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", [f"/cat{n}.jpg" for n in range(30)])
    engine.show("kitten", [f"/kitten{n}.jpg" for n in range(30)])
    engine.show("dog", ["/dog.jpg", "/cat9.jpg"])
    engine.site.replies.pop("/kitten0.jpg")  # a dead link: the next in rank takes its place
    engine.site.on("/cat1.jpg", photo("/cat0.jpg"))  # the same photo: counts once
    keywords = {"cat": ["cat", "kitten"], "dog": ["dog"]}
    harvest = run(engine, tmp_path, keywords, per_class=3, threads=16)
    assert names(harvest, "cat") == ["cat0.jpg", "kitten1.jpg", "cat2.jpg"]
    assert names(harvest, "dog") == ["dog.jpg", "cat9.jpg"]
    assert len(asked(engine.site)) < 30
    alone = run(engine, tmp_path / "alone", keywords, per_class=3, threads=1)
    assert [row.url for row in alone.rows] == [row.url for row in harvest.rows]


def test_what_is_no_whole_photo_is_dropped_with_its_reason(engine: Engine, tmp_path: Path) -> None:
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
    harvest = run(engine, tmp_path)
    assert names(harvest, "cat") == ["cat1.jpg", "busy.jpg", "cat2.jpg"]
    assert harvest.tally
    assert dict(harvest.tally.dropped) == {
        "not a picture": 3,
        "truncated": 1,
        "HTTP 410": 1,
        "noai": 1,
        "private address": 1,
        "malformed URL": 1,
    }
    reasons = {drop["url"].rpartition("/")[2]: drop["reason"] for drop in harvest.tally.drops()}
    assert reasons["cut.jpg"] == "truncated"


def test_what_failed_waits_longer_each_time_and_is_said_to(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.show("cat", ["/cat.jpg", "/gone.jpg", "/busy.jpg"])
    engine.show("dog", ["/dog.jpg"])
    engine.site.on("/gone.jpg", engine.site.status(404))
    engine.site.on("/busy.jpg", engine.site.status(503))
    run(engine, tmp_path, retries=0)
    engine.site.asked.clear()
    second = run(engine, tmp_path, retries=0)
    assert asked(engine.site) == {"/busy.jpg": 1}  # a failure that may have passed is tried again at once
    assert second.counts["dropped (failed before)"] == 1
    run(engine, tmp_path, retries=0)
    assert asked(engine.site) == {"/busy.jpg": 1}
    tomorrow = time.time() + 25 * 3600
    monkeypatch.setattr("time.time", lambda: tomorrow)
    engine.site.on("/busy.jpg", photo("busy"))
    assert names(run(engine, tmp_path, retries=0), "cat") == ["cat.jpg", "busy.jpg"]
    assert asked(engine.site) == {"/busy.jpg": 2, "/gone.jpg": 1}


def test_the_next_engine_is_asked_only_for_classes_that_need_more(engine: Engine, tmp_path: Path) -> None:
    other = Engine(engine.site, "other")
    engine.show("cat", ["/cat0.jpg", "/cat1.jpg"])
    engine.show("dog", ["/dog0.jpg"])
    other.show("dog", ["/dog0.jpg", "/dog1.jpg", "/dog2.jpg"])
    harvest = run([engine, other], tmp_path, per_class=2)
    assert [(row.engine, row.name) for row in harvest.rows if row.label == "dog"] == [
        ("test", "dog0.jpg"),
        ("other", "dog1.jpg"),
    ]
    assert not any(path.startswith("/other/cat") for path in engine.site.asked)
    assert [(line.engine, line.label) for line in harvest.tally.lines] == [
        ("test", "cat"),
        ("test", "dog"),
        ("other", "dog"),
    ]


def test_an_engine_that_refuses_is_named_and_the_next_takes_over(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = Engine(engine.site, "other")
    for keyword in ("cat", "dog"):
        engine.site.on(f"/test/{keyword}/0", engine.site.status(403))
        other.show(keyword, [f"/{keyword}.jpg"])
    harvest = run([engine, other], tmp_path, per_class=1, min_yield=1)
    assert {row.engine for row in harvest.rows} == {"other"}
    assert harvest.counts["failed searches"] == 2
    assert "test: it wants a captcha ('cat', 'dog')" in caplog.text
    assert "/test/canary/0" not in engine.site.asked  # it said why: no need to wonder


def test_a_search_without_photos_is_believed_if_the_canary_has_some(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine.show("cat", ["/cat.jpg"])
    engine.show("dog", ["/dog.jpg"])
    engine.show("unheard of")
    harvest = run(engine, tmp_path, {"cat": ["cat", "unheard of"], "dog": ["dog"]})
    assert "no photos were found for 'unheard of'" in caplog.text
    assert "failed searches" not in harvest.counts
    assert engine.site.asked["/test/canary/0"] == 1
    assert "/canary.jpg" not in engine.site.asked


@pytest.mark.parametrize("body", [b"[]", b"<html>not what it was</html>"])
def test_an_engine_whose_canary_brings_nothing_is_broken(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    for keyword in ("cat", "dog", "canary"):
        engine.site.on(f"/test/{keyword}/0", engine.site.status(200, body, Content_Type="text/html"))
    with pytest.raises(
        UserError, match=r"nothing was found tonight, and crawl\.min_yield is 20%.* look at .*summary\.md, .*test\.html"
    ):
        run(engine, tmp_path, min_yield=0.2)
    assert "this engine's parser is broken: even its canary query 'canary' brought no photo" in caplog.text
    assert (tmp_path / "pools" / "answers" / "test.html").read_bytes() == body
    assert "parser is broken" in (tmp_path / "pools" / "answers" / "summary.md").read_text()


def test_a_broken_engine_is_told_although_the_next_one_met_the_target(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = Engine(engine.site, "other")
    for keyword in ("cat", "dog", "canary"):
        engine.site.on(f"/test/{keyword}/0", b"[]")
        other.show(keyword, [f"/{keyword}.jpg"])
    assert len(run([engine, other], tmp_path, per_class=1, min_yield=1).rows) == 2
    assert "test: this engine's parser is broken" in caplog.text


def test_a_night_that_brings_nothing_fails_although_there_are_older_photos(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat.jpg"])
    engine.show("dog", ["/dog.jpg"])
    run(engine, tmp_path)
    for keyword in ("cat", "dog"):
        engine.site.on(f"/test/{keyword}/0", engine.site.status(403))
    with pytest.raises(UserError, match="nothing was found tonight"):
        run(engine, tmp_path, min_yield=0.1)


def test_too_small_a_share_of_good_links_fails_the_crawl(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", [f"/cat{n}.jpg" for n in range(8)])
    engine.show("dog", ["/dog0.jpg", "/dog1.jpg"])
    for n in range(8):
        engine.site.on(f"/cat{n}.jpg", engine.site.status(404))
    with pytest.raises(UserError, match=r"only 2 of 10 photos .*min_yield is 50%.*8 HTTP 404"):
        run(engine, tmp_path, min_yield=0.5)


@pytest.mark.parametrize("per_class", [None, 10])
def test_one_placeholder_at_all_urls_fails_the_crawl(engine: Engine, tmp_path: Path, per_class: int | None) -> None:
    for keyword in CATS_AND_DOGS:
        engine.show(keyword, [f"/{keyword}{n}.jpg" for n in range(10)])
        for n in range(10):
            engine.site.on(f"/{keyword}{n}.jpg", photo("not available"))
    with pytest.raises(UserError, match=r"only 2 of 20 photos .*18 same photo at another URL"):
        run(engine, tmp_path, min_yield=0.2, per_class=per_class)


def test_a_night_on_which_an_engine_gives_other_addresses_of_the_same_photos_is_a_good_one(
    engine: Engine, tmp_path: Path
) -> None:
    for night in "ab":
        for keyword in CATS_AND_DOGS:
            engine.show(keyword, [f"/{keyword}{n}.jpg?signed={night}" for n in range(5)])
            for n in range(5):
                engine.site.on(f"/{keyword}{n}.jpg?signed={night}", photo(f"{keyword}{n}"))
        assert len(run(engine, tmp_path, min_yield=1).rows) == 10


def test_weak_classes_are_reported_and_topped_up(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine.show("cat", [f"/cat{n}.jpg" for n in range(9)])
    engine.show("dog", ["/dog0.jpg"])
    engine.show("dog photo", ["/dog1.jpg", "/dog0.jpg"])
    run(engine, tmp_path)
    assert "1 of 2 classes have fewer than half of the mean's photos: dog (1)" in caplog.text
    harvest = run(engine, tmp_path, top_up=("{} photo",))
    assert [(row.keyword, row.name) for row in harvest.rows if row.label == "dog"] == [
        ("dog", "dog0.jpg"),
        ("dog photo", "dog1.jpg"),
    ]
    assert "/test/cat photo/0" not in engine.site.asked


def test_a_forgotten_photo_stays_out_by_url_and_by_content(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat0.jpg", "/cat1.jpg", "/cat2.jpg"])
    engine.show("dog", ["/dog.jpg"])
    content = hashlib.sha256(photo("/cat1.jpg")).hexdigest()
    harvest = run(engine, tmp_path, forgotten={content, f"{engine.site.url}/cat0.jpg"})
    assert names(harvest, "cat") == ["cat2.jpg"]
    assert harvest.counts["dropped (forgotten)"] == 2
    assert "/cat0.jpg" not in engine.site.asked
    assert not [path for path in tmp_path.rglob("*") if content in path.name]


def test_a_forgotten_photo_is_not_fetched_again_and_again(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat0.jpg", "/cat1.jpg"])
    engine.show("dog", ["/dog.jpg"])
    forgotten = {hashlib.sha256(photo("/cat1.jpg")).hexdigest()}
    for _ in range(2):
        assert run(engine, tmp_path, forgotten=forgotten).counts["dropped (forgotten)"] == 1
    assert engine.site.asked["/cat1.jpg"] == 1
    assert names(run(engine, tmp_path), "cat") == ["cat0.jpg", "cat1.jpg"]  # somebody took it out of the list


def test_a_replay_asks_nobody(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat0.jpg", "/cat1.jpg"])
    engine.show("dog", ["/dog.jpg"])
    first = run(engine, tmp_path)
    engine.site.asked.clear()
    assert run(engine, tmp_path, replay=True).rows == first.rows
    assert len(run(engine, tmp_path, replay=True, per_class=1).rows) == 2
    assert not engine.site.asked
    with pytest.raises(UserError, match="run one without it first"):
        run(engine, tmp_path, {"cat": ["cat"], "bird": ["bird"]}, replay=True)


def test_a_killed_crawl_goes_on_without_losing_or_doubling_a_row(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", [f"/cat{n}.jpg" for n in range(40)], [f"/cat{n}.jpg" for n in range(40, 60)])
    engine.show("dog", [f"/dog{n}.jpg" for n in range(30)])
    whole = run(engine, tmp_path / "undisturbed", per_class=25)
    engine.site.asked.clear()
    code = f"""
import os, signal
from types import SimpleNamespace
from pathlib import Path
from threading import Lock
import tests.tasks.crawl.test_search as t
from tasks.crawl.ledger.ledger import Ledger
put, count = Ledger.put, 0
def dying(self, *args, **more):
    global count
    count += 1
    if count == 17:
        os.kill(os.getpid(), signal.SIGKILL)
    return put(self, *args, **more)
Ledger.put = dying
t.run(t.Engine(SimpleNamespace(url={engine.site.url!r})), Path({str(tmp_path / "killed")!r}), per_class=25, threads=2)
"""
    path = str(Path(__file__).parents[3])
    ended = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, check=False)
    assert ended.returncode == -signal.SIGKILL
    before = asked(engine.site)
    engine.site.asked.clear()
    again = run(engine, tmp_path / "killed", per_class=25)
    assert [(row.photo, row.url, row.rank) for row in again.rows] == [(r.photo, r.url, r.rank) for r in whole.rows]
    assert len(before.keys() & asked(engine.site).keys()) <= 2  # what had come in isn't asked for again


def test_out_of_time_keeps_what_came_in_and_says_so(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine.show("cat", ["/cat.jpg", "/never.jpg"])
    engine.show("dog", ["/dog.jpg"])
    engine.site.on("/never.jpg", engine.site.stall)
    harvest = run(engine, tmp_path, deadline_s=1.5)
    assert [row.name for row in harvest.rows] == ["cat.jpg", "dog.jpg"]
    assert harvest.counts["dropped (out of time)"] == 1
    assert "the crawl was ended early: out of time" in caplog.text
    engine.site.on("/never.jpg", photo("at last"))
    assert names(run(engine, tmp_path), "cat") == ["cat.jpg", "never.jpg"]


def test_out_of_bytes_ends_the_crawl(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", [f"/cat{n}.jpg" for n in range(50)])
    engine.show("dog", [f"/dog{n}.jpg" for n in range(50)])
    harvest = run(engine, tmp_path, max_gb=3000e-9, threads=1)
    assert 2 < len(harvest.rows) < 60
    assert harvest.counts["dropped (out of bytes)"] == 100 - len(harvest.rows)


def test_an_engine_that_repeats_itself_is_asked_no_further(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat.jpg"], ["/cat.jpg"], ["/cat.jpg"])
    engine.show("dog", ["/dog.jpg"])
    run(engine, tmp_path)
    assert engine.site.asked["/test/cat/1"] == 1
    assert engine.site.asked["/test/cat/2"] == 0


def test_max_pages_ends_a_search(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", *([f"/cat{n}.jpg"] for n in range(9)))
    engine.show("dog", ["/dog.jpg"])
    assert len(names(run(engine, tmp_path, max_pages=4), "cat")) == 4


def test_photos_of_one_class_only_are_the_users_to_mend(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat.jpg"])
    engine.show("dog")
    with pytest.raises(UserError, match="photos of 'cat' only"):
        run(engine, tmp_path)


@pytest.mark.parametrize("keywords", [{}, {"cat": ["cat"]}, {"cat": ["cat"], "dog": []}])
def test_fewer_than_two_classes_are_refused_before_anything_is_asked(
    engine: Engine, tmp_path: Path, keywords: dict[str, list[str]]
) -> None:
    with pytest.raises(UserError, match=r"crawl\.keywords .* classifier needs two"):
        run(engine, tmp_path, keywords)
    assert not engine.site.asked


def test_it_says_who_it_is_and_leaves_logging_alone(engine: Engine, tmp_path: Path) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers), logging.getLogger("urllib3").level)
    engine.show("cat", ["/cat.jpg"])
    engine.show("dog", ["/dog.jpg"])
    run(engine, tmp_path, contact="https://example.org/crawl")
    agents = {headers["User-Agent"] for headers in engine.site.headers}
    assert len(agents) == 1
    assert agents.pop().startswith("fluke/")
    assert all("(+https://example.org/crawl)" in headers["User-Agent"] for headers in engine.site.headers)
    assert (root.level, list(root.handlers), logging.getLogger("urllib3").level) == before


def test_an_interrupt_ends_it_at_once_and_loses_nothing_that_was_fetched(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", [f"/cat{n}.jpg" for n in range(100)])
    engine.show("dog", [f"/dog{n}.jpg" for n in range(100)])

    @contextmanager
    def impatient(label: str, total: int) -> Iterator[Any]:
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            if label == "photos" and done == 40:
                raise KeyboardInterrupt

        yield advance

    with pytest.raises(KeyboardInterrupt):
        run(engine, tmp_path, progress=impatient, threads=4)
    assert 40 <= sum(asked(engine.site).values()) < 200
    harvest = run(engine, tmp_path)
    assert len(harvest.rows) == 200
    assert sum(asked(engine.site).values()) <= 200 + 4  # those that were under way


def test_trouble_on_our_side_ends_the_crawl(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Ledger, "put", full)
    engine.show("cat", ["/cat.jpg"])
    engine.show("dog", ["/dog.jpg"])
    with pytest.raises(OSError, match="No space left"):
        run(engine, tmp_path)


def test_a_canary_is_asked_one_page_and_without_filters(engine: Engine, tmp_path: Path) -> None:
    """All of its pages would be hundreds of requests; and with filters it might find nothing although all is well."""
    engine.show("cat", ["/cat.jpg"])
    engine.show("dog", ["/dog.jpg"])
    engine.show("unheard of")
    engine.show("canary", ["/c0.jpg"], ["/c1.jpg"], ["/c2.jpg"])
    seen = []
    first = engine.build_request

    def noting(query: str, filters: SearchFilters) -> Request:
        seen.append((query, filters))
        return first(query, filters)

    engine.build_request = noting  # type: ignore[method-assign]
    run(engine, tmp_path, {"cat": ["cat", "unheard of"], "dog": ["dog"]}, filters=SearchFilters(size="large"))
    assert [engine.site.asked[f"/test/canary/{n}"] for n in range(4)] == [1, 0, 0, 0]
    assert dict(seen)["canary"] == SearchFilters()
    assert dict(seen)["cat"] == SearchFilters(size="large")


def test_a_class_without_queries_is_refused(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"crawl\.keywords: class 'bird' has no query"):
        run(engine, tmp_path, {"bird": [], **CATS_AND_DOGS})
    assert not engine.site.asked


def test_every_query_is_checked_before_anything_is_asked(engine: Engine, tmp_path: Path) -> None:
    first = engine.build_request

    def choosy(query: str, filters: SearchFilters) -> Request:
        if query == "odd":
            raise UserError("'odd' is no query")
        return first(query, filters)

    engine.build_request = choosy  # type: ignore[method-assign]
    with pytest.raises(UserError, match="'odd' is no query"):
        run(engine, tmp_path, {"cat": ["cat"], "dog": ["dog", "odd"]})
    assert not engine.site.asked


def test_a_photo_that_was_kept_is_not_displaced_by_one_that_comes_in_later(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", [f"/cat{n}.jpg" for n in range(4)])
    engine.show("dog", ["/dog0.jpg", "/dog1.jpg"])
    engine.site.on("/cat0.jpg", engine.site.status(503))
    first = run(engine, tmp_path, per_class=2, retries=0, threads=1)
    assert names(first, "cat") == ["cat1.jpg", "cat2.jpg"]
    engine.site.on("/cat0.jpg", photo("/cat0.jpg"))
    engine.site.asked.clear()
    assert run(engine, tmp_path, per_class=2, retries=0).rows == first.rows
    assert not engine.site.asked  # each class has what it wants, so no dead link is worth another try
    assert names(run(engine, tmp_path, per_class=3), "cat") == ["cat1.jpg", "cat2.jpg", "cat0.jpg"]
    assert names(run(engine, tmp_path, per_class=2), "cat") == ["cat1.jpg", "cat2.jpg"]


def test_a_night_that_ran_out_of_time_is_over(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat0.jpg", "/cat1.jpg", "/never.jpg"])
    engine.show("dog", ["/dog.jpg"])
    engine.site.on("/never.jpg", engine.site.stall)
    assert names(run(engine, tmp_path, deadline_s=1.5), "cat") == ["cat0.jpg", "cat1.jpg"]
    engine.site.on("/never.jpg", engine.site.status(404))
    engine.show("cat", ["/new.jpg", "/cat1.jpg", "/cat0.jpg"])
    harvest = run(engine, tmp_path)
    assert names(harvest, "cat") == ["cat0.jpg", "cat1.jpg", "new.jpg"]


def site_page(*links: str, photo: str) -> bytes:
    return "".join([f"<img src={photo}>", *(f"<a href={link}>more</a>" for link in links)]).encode()


def test_a_site_is_crawled_on_although_some_of_its_pages_cannot_be_had(engine: Engine, tmp_path: Path) -> None:
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
        harvest = crawl([ENGINE], config, ledger, context, is_site=True, pause_s=0.001)
    assert names(harvest, "cat") == ["1.jpg", "2.jpg"]
    assert site.asked["/private"] == 0


def test_an_engine_that_refuses_again_and_again_is_left_alone(engine: Engine, tmp_path: Path) -> None:
    other = Engine(engine.site, "other")
    keywords = {f"class {n}": [f"class {n}"] for n in range(60)}
    for label in keywords:
        engine.site.on(f"/test/{label}/0", engine.site.status(403))
        other.show(label, [f"/{label}.jpg"])
    harvest = run([engine, other], tmp_path, keywords, per_class=1)
    assert len(harvest.rows) == 60
    assert sum(count for path, count in engine.site.asked.items() if path.startswith("/test/")) < 20
    assert harvest.tally
    assert {line.trouble for line in harvest.tally.lines if line.engine == "test"} == {
        "it wants a captcha",
        "not asked, since it failed again and again: it wants a captcha",
    }


def test_an_engine_has_no_more_connections_than_any_host(engine: Engine, tmp_path: Path) -> None:
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
    run(engine, tmp_path, keywords, connections_per_host=2)
    assert most == 2


def test_what_our_own_knobs_forbade_is_tried_as_soon_as_they_allow_it(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat.jpg", "/noai.jpg"])
    engine.show("dog", ["/dog.jpg"])
    engine.site.on("/noai.jpg", engine.site.status(200, photo("noai"), X_Robots_Tag="noai"))
    assert names(run(engine, tmp_path), "cat") == ["cat.jpg"]
    engine.site.asked.clear()
    run(engine, tmp_path)
    assert engine.site.asked["/noai.jpg"] == 0
    assert names(run(engine, tmp_path, robots="nowhere"), "cat") == ["cat.jpg", "noai.jpg"]


def test_a_replay_leaves_out_what_is_forgotten_by_its_url_alone(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat0.jpg", "/cat1.jpg"])
    engine.show("dog", ["/dog.jpg"])
    run(engine, tmp_path)
    harvest = run(engine, tmp_path, replay=True, forgotten={f"{engine.site.url}/cat0.jpg"})
    assert names(harvest, "cat") == ["cat1.jpg"]


def test_a_host_that_has_had_enough_is_left_alone(site: Any, tmp_path: Path) -> None:
    """Each photo would be asked for again and again, and a whole night be waited for one host."""
    engine = Engine(site)
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
        harvest = crawl([engine], config, ledger, context, pause_s=0.001)
    assert len(harvest.rows) == 6
    assert sum(asked(site).values()) < 40
    assert harvest.tally
    assert harvest.tally.dropped["host is down or has had enough"] > 60


def test_one_class_that_is_short_does_not_fail_a_night_on_which_all_others_are_full(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for label in ("cat", "dog", "cow"):
        engine.show(label, [f"/{label}{n}.jpg" for n in range(3)])
    keywords = {label: [label] for label in ("cat", "dog", "cow")}
    run(engine, tmp_path, keywords, per_class=3)
    engine.show("owl", ["/owl.jpg"])
    engine.site.on("/test/owl/0", engine.site.status(403))
    assert len(run(engine, tmp_path, keywords | {"owl": ["owl"]}, per_class=3, min_yield=0.5).rows) == 9
    assert "test: it wants a captcha ('owl')" in caplog.text


def test_a_limit_that_is_raised_lets_in_what_it_kept_out(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat.jpg"])
    engine.show("dog", ["/dog.jpg", "/small.jpg"])
    out = BytesIO()
    Image.new("RGB", (1, 1)).save(out, "PNG")
    engine.site.on("/small.jpg", out.getvalue())
    tight = {"max_photo_mpx": 5e-6}
    with pytest.raises(UserError, match="photos of 'dog' only"):
        run(engine, tmp_path, **tight)
    engine.site.asked.clear()
    with pytest.raises(UserError, match="photos of 'dog' only"):
        run(engine, tmp_path, **tight)
    assert not asked(engine.site)  # the same limit: it needn't be asked again
    assert len(run(engine, tmp_path).rows) == 3


def test_nights_on_which_nobody_answers_do_not_count_against_urls(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat.jpg"])
    engine.show("dog", ["/dog.jpg"])
    run(engine, tmp_path)
    for path in (tmp_path / "photos").rglob("*.png"):
        path.unlink()
    replies = dict(engine.site.replies)
    for path in list(engine.site.replies):
        engine.site.on(path, engine.site.refuse)
    for _ in range(3):
        with pytest.raises(UserError):
            run(engine, tmp_path, retries=0)
    engine.site.replies.update(replies)
    assert len(run(engine, tmp_path).rows) == 2
