"""The crawl over HTTP: what icrawler loses, this keeps."""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from configs.schema import CrawlConfig
from tasks.support.crawler import crawl
from tasks.support.engine import Hit
from tasks.support.errors import UserError
from tasks.support.harvest import Harvest
from tasks.support.job import Job
from tasks.support.ledger import Ledger

CATS_AND_DOGS = {"cat": ["cat"], "dog": ["dog"]}


class Engine:
    """Pages are JSON lists of URLs at `/KEYWORD/PAGE`."""

    name = "test"

    def __init__(self, site: Any) -> None:
        self.site = site

    def page_url(self, keyword: str, page: int) -> str:
        return f"{self.site.url}/{quote(keyword, safe='')}/{page}"

    def parse(self, body: bytes) -> list[Hit]:
        return [Hit(url, "CC0") for url in json.loads(body)]

    def show(self, keyword: str, *pages: list[str]) -> None:
        for number, urls in enumerate([*pages, []]):
            self.site.on(f"/{keyword}/{number}", json.dumps(urls).encode())
            for url in urls:
                if url not in self.site.replies:
                    self.site.on(url, url.encode())


@pytest.fixture
def engine(site: Any) -> Engine:
    return Engine(site)


def run(engine: Engine, root: Path, keywords: dict[str, list[str]] = CATS_AND_DOGS, **knobs: Any) -> Harvest:
    progress = knobs.pop("progress", None)
    job = Job(root, root / "out", root / "pools", root / "photos", **({"progress": progress} if progress else {}))
    config = CrawlConfig(source="test", keywords=keywords, **({"retries": 1} | knobs))
    with Ledger(root / "pools" / "ledger", job.photos) as ledger:
        return crawl(engine, config, ledger, job, pause_s=0.001)


def names(harvest: Harvest, label: str) -> list[str]:
    return [row.name for row in harvest.rows if row.label == label]


def test_rows_say_where_each_photo_is_from(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", ["/a/1.jpg", "/a/b%20c.jpg"], ["/a/3.jpg"])
    engine.show("dog", ["/d/1.jpg"])
    engine.site.on("/a/b c.jpg", b"<html>")
    harvest = run(engine, tmp_path)
    row = harvest.rows[1]
    assert (row.label, row.name, row.keyword, row.rank, row.licence) == ("cat", "b c.jpg", "cat", 2, "CC0")
    assert (tmp_path / "photos" / row.file).read_bytes() == b"<html>"
    assert names(harvest, "cat") == ["1.jpg", "b c.jpg", "3.jpg"]
    assert harvest.counts == {"keywords": 2, "found": 4, "fetched": 4, "failed": 0}


def test_keywords_arrive_as_they_were_given(engine: Engine, tmp_path: Path) -> None:
    engine.show("Kätzchen & Co?/#1", ["/a.jpg"])
    engine.show("dog", ["/d.jpg"])
    assert names(run(engine, tmp_path, {"cat": ["Kätzchen & Co?/#1"], "dog": ["dog"]}), "cat") == ["a.jpg"]


def test_one_thread_brings_in_more_than_fits_a_queue_without_idling(engine: Engine, tmp_path: Path) -> None:
    """icrawler's queues hold five tasks a thread, drop those that didn't fit, and its threads end by time-outs."""
    engine.show("cat", [f"/cat{n}.jpg" for n in range(60)])
    engine.show("dog", [f"/dog{n}.jpg" for n in range(60)])
    start = time.monotonic()
    harvest = run(engine, tmp_path, threads=1)
    assert harvest.counts["fetched"] == 120
    assert time.monotonic() - start < 4


def test_a_second_crawl_fetches_no_photo_again(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", [f"/cat{n}.jpg" for n in range(9)])
    engine.show("dog", [f"/dog{n}.jpg" for n in range(9)])
    first = run(engine, tmp_path)
    engine.site.asked.clear()
    second = run(engine, tmp_path, threads=3)  # another config: its photos are the same
    assert second.rows == first.rows
    assert second.counts["fetched"] == 0
    assert not [path for path in engine.site.asked if path.endswith(".jpg")]


def test_a_damaged_photo_is_fetched_again(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat1.jpg", "/cat2.jpg"])
    engine.show("dog", ["/dog.jpg"])
    lost = tmp_path / "photos" / run(engine, tmp_path).rows[1].file
    lost.rename(lost.with_name(f".damaged-{lost.name}"))
    engine.site.asked.clear()
    assert run(engine, tmp_path).counts["fetched"] == 1
    assert engine.site.asked["/cat2.jpg"] == 1
    assert lost.read_bytes() == b"/cat2.jpg"


def test_a_url_of_two_keywords_and_classes_is_fetched_once(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", ["/both.jpg", "/cat.jpg"])
    engine.show("kitten", ["/kitten.jpg", "/cat.jpg", "/both.jpg"])
    engine.show("dog", ["/dog.jpg", "/both.jpg"])
    harvest = run(engine, tmp_path, {"cat": ["cat", "kitten"], "dog": ["dog"]})
    assert names(harvest, "cat") == ["both.jpg", "kitten.jpg", "cat.jpg"]
    assert names(harvest, "dog") == ["dog.jpg", "both.jpg"]
    assert engine.site.asked["/both.jpg"] == 1


def test_per_class_keeps_the_first_by_rank_whatever_thread_is_first(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", [f"/cat{n}.jpg" for n in range(30)])
    engine.show("kitten", [f"/kitten{n}.jpg" for n in range(30)])
    engine.show("dog", ["/dog.jpg", "/cat9.jpg"])
    engine.site.replies.pop("/kitten0.jpg")  # a dead link: the next in rank takes its place
    engine.site.on("/cat1.jpg", b"/cat0.jpg")  # the same photo: counts once
    harvest = run(engine, tmp_path, {"cat": ["cat", "kitten"], "dog": ["dog"]}, per_class=3, threads=16)
    assert names(harvest, "cat") == ["cat0.jpg", "cat1.jpg", "kitten1.jpg", "cat2.jpg"]
    assert names(harvest, "dog") == ["dog.jpg", "cat9.jpg"]
    asked = [path for path in engine.site.asked if path.endswith(".jpg")]
    assert len(asked) < 30
    alone = run(engine, tmp_path / "alone", {"cat": ["cat", "kitten"], "dog": ["dog"]}, per_class=3, threads=1)
    assert [row.url for row in alone.rows] == [row.url for row in harvest.rows]


def test_failures_are_counted_and_take_nothing_with_them(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine.show("cat", ["/cat1.jpg", "/gone.jpg", "http://[::1", "/busy.jpg", "/cat2.jpg"])
    engine.show("dog", ["/dog.jpg"])
    engine.site.on("/gone.jpg", engine.site.status(410))
    engine.site.on("/busy.jpg", engine.site.status(503), b"now")
    harvest = run(engine, tmp_path, threads=1)
    assert names(harvest, "cat") == ["cat1.jpg", "busy.jpg", "cat2.jpg"]
    assert harvest.counts == {"keywords": 2, "found": 6, "fetched": 4, "failed": 2}
    assert "2 of 6 downloads failed: 1 x HTTP 410, 1 x value error" in caplog.text


def test_a_search_that_fails_or_finds_nothing_is_named_and_the_others_go_on(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine.show("cat", ["/cat.jpg"])
    engine.show("dog", ["/dog.jpg"])
    engine.show("unheard of")
    engine.site.on("/garbled/0", b"<html>not what it was</html>")
    keywords = {"cat": ["garbled", "cat"], "dog": ["unheard of", "down", "dog"]}
    # A class that is short of photos only because its search failed must not be cached.
    with pytest.raises(UserError, match=r"2 of 5 searches failed, the first for 'garbled'.*what was fetched is kept"):
        run(engine, tmp_path, keywords, threads=1)
    assert "'unheard of' (class dog) found nothing" in caplog.text
    assert "'garbled' failed (its page can't be read: JSONDecodeError" in caplog.text
    assert "'down' failed (HTTP 404)" in caplog.text
    harvest = run(engine, tmp_path, {"cat": ["cat"], "dog": ["dog"]})
    assert [row.name for row in harvest.rows] == ["cat.jpg", "dog.jpg"]
    assert harvest.counts["fetched"] == 0


def test_an_engine_that_repeats_itself_is_asked_no_further(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat.jpg"], ["/cat.jpg"], ["/cat.jpg"])
    engine.show("dog", ["/dog.jpg"])
    run(engine, tmp_path)
    assert engine.site.asked["/cat/1"] == 1
    assert engine.site.asked["/cat/2"] == 0


def test_nothing_found_at_all_is_the_users_to_mend(engine: Engine, tmp_path: Path) -> None:
    engine.show("cat", ["/gone.jpg"])
    engine.show("dog")
    engine.site.on("/gone.jpg", engine.site.status(410))
    with pytest.raises(UserError, match=r"2 searches \('cat', 'dog'\) brought no photo; first failure: HTTP 410"):
        run(engine, tmp_path)


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
    before = (root.level, list(root.handlers), logging.getLogger("requests").level)
    engine.show("cat", ["/cat.jpg"])
    engine.show("dog", ["/dog.jpg"])
    run(engine, tmp_path)
    assert {headers["User-Agent"].partition("/")[0] for headers in engine.site.headers} == {"fluke"}
    assert (root.level, list(root.handlers), logging.getLogger("requests").level) == before


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    engine.show("cat", ["/cat.jpg"])
    engine.show("dog", ["/dog.jpg"])
    assert run(engine, tmp_path).counts["fetched"] == 2


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
    fetched = sum(count for path, count in engine.site.asked.items() if path.endswith(".jpg"))
    assert 40 <= fetched < 200
    harvest = run(engine, tmp_path)
    assert len(harvest.rows) == 200
    asked = [count for path, count in engine.site.asked.items() if path.endswith(".jpg")]
    assert asked == [1] * 200


def test_trouble_on_our_side_ends_the_crawl(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Ledger, place: str, data: bytes, stamp: str = "") -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Ledger, "put", full)
    engine.show("cat", ["/cat.jpg"])
    engine.show("dog", ["/dog.jpg"])
    with pytest.raises(OSError, match="No space left"):
        run(engine, tmp_path)
