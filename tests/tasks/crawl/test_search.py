"""The crawl through search engines: what is searched for, downloaded and kept."""

import os
import signal
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from configs.schema import SearchFilters
from tasks.crawl.engines.engine import Request
from tasks.store.errors import UserError
from tests.helpers.scripted_engine import CATS_AND_DOGS, ScriptedEngine, names, photo, photo_requests, run_crawl


def test_rows_contain_the_provenance_of_each_photo(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.show("cat", ["/a/1.jpg", "/a/b%20c.jpg"], ["/a/3.jpg"])
    engine.show("dog", ["/d/1.jpg"])
    engine.site.on("/a/b c.jpg", engine.site.status(200, photo("b c"), ETag='"17"'))
    result = run_crawl(engine, tmp_path)
    row = result.rows[1]
    assert (row.label, row.name, row.keyword, row.rank, row.licence) == ("cat", "b c.jpg", "cat", 2, "CC0")
    assert (row.author, row.page, row.status, row.etag) == ("me", f"{engine.site.url}/shown", 200, '"17"')
    assert (row.width_px, row.height_px, row.bytes) == (3, 2, len(photo("b c")))
    assert (tmp_path / "photos" / row.file).read_bytes() == photo("b c")
    assert row.file.endswith(f"{row.photo}.png")
    assert names(result, "cat") == ["1.jpg", "b c.jpg", "3.jpg"]
    counts = {name: result.counts[name] for name in ("searches", "found", "fetched", "dropped")}
    assert counts == {"searches": 2, "found": 4, "fetched": 4, "dropped": 0}


@pytest.mark.parametrize(
    "keyword", ["Kätzchen & Co?/#1", "../../x", "a\0b", "고양이", "x" * 300, "\u202egnp.exe", "a, b", "100% cat"]
)
def test_keywords_are_sent_unchanged_and_name_no_file(engine: ScriptedEngine, tmp_path: Path, keyword: str) -> None:
    engine.show(keyword, ["/a.jpg"])
    engine.show("dog", ["/d.jpg"])
    assert names(run_crawl(engine, tmp_path, {keyword: [keyword], "dog": ["dog"]}), keyword) == ["a.jpg"]
    files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.parts[0] for path in files} == {"photos", "pools"}
    assert all(path.name.isascii() and len(path.name) < 80 for path in files)


def test_a_second_crawl_downloads_only_new_photos(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.show("cat", [f"/cat{n}.jpg" for n in range(9)])
    engine.show("dog", [f"/dog{n}.jpg" for n in range(9)])
    first = run_crawl(engine, tmp_path)
    engine.site.asked.clear()
    engine.show("cat", ["/new.jpg", *(f"/cat{n}.jpg" for n in range(5))])  # other results, in another order
    second = run_crawl(engine, tmp_path, threads=3)
    assert photo_requests(engine.site) == {"/new.jpg": 1}
    assert {row.photo for row in second.rows} == {row.photo for row in first.rows} | {second.rows[9].photo}
    assert names(second, "cat") == [*names(first, "cat"), "new.jpg"]
    assert second.stats
    assert [search.new for search in second.stats.searches] == [1, 0]
    assert second.counts["fetched"] == 1


def test_a_full_class_is_not_searched_for(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.show("cat", [f"/cat{n}.jpg" for n in range(4)])
    engine.show("dog", ["/dog0.jpg"])
    first = run_crawl(engine, tmp_path, per_class=2)
    engine.site.asked.clear()
    engine.show("dog", ["/dog1.jpg", "/dog0.jpg"])
    second = run_crawl(engine, tmp_path, per_class=2)
    assert dict(engine.site.asked) == {"/test/dog/0": 1, "/test/dog/1": 1, "/dog1.jpg": 1}
    assert names(second, "cat") == names(first, "cat") == ["cat0.jpg", "cat1.jpg"]
    assert names(second, "dog") == ["dog0.jpg", "dog1.jpg"]
    more = run_crawl(engine, tmp_path, per_class=3)  # what was found but not needed then is downloaded now
    assert names(more, "cat") == ["cat0.jpg", "cat1.jpg", "cat2.jpg"]


def test_a_damaged_photo_is_downloaded_again(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat1.jpg", "/cat2.jpg"])
    engine.show("dog", ["/dog.jpg"])
    lost = tmp_path / "photos" / run_crawl(engine, tmp_path).rows[1].file
    lost.rename(lost.with_name(f".damaged-{lost.name}"))
    engine.site.asked.clear()
    assert run_crawl(engine, tmp_path).counts["fetched"] == 1
    assert photo_requests(engine.site) == {"/cat2.jpg": 1}
    assert lost.read_bytes() == photo("/cat2.jpg")


def test_a_url_found_for_two_keywords_and_classes_is_downloaded_once(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.show("cat", ["/both.jpg", "/cat.jpg"])
    engine.show("kitten", ["/kitten.jpg", "/cat.jpg", "/both.jpg"])
    engine.show("dog", ["/dog.jpg", "/both.jpg"])
    result = run_crawl(engine, tmp_path, {"cat": ["cat", "kitten"], "dog": ["dog"]})
    assert names(result, "cat") == ["both.jpg", "kitten.jpg", "cat.jpg"]
    assert names(result, "dog") == ["dog.jpg", "both.jpg"]
    assert engine.site.asked["/both.jpg"] == 1


def test_a_photo_at_many_urls_is_one_row_of_its_class(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.show("cat", [f"/cat{n}.jpg" for n in range(20)])
    engine.show("dog", ["/dog.jpg"])
    for n in range(20):
        engine.site.on(f"/cat{n}.jpg", photo("the one"))
    result = run_crawl(engine, tmp_path)
    assert names(result, "cat") == ["cat0.jpg"]
    assert result.counts["same photo at another URL"] == 19


def test_per_class_keeps_the_first_by_rank_whichever_thread_is_first(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.show("cat", [f"/cat{n}.jpg" for n in range(30)])
    engine.show("kitten", [f"/kitten{n}.jpg" for n in range(30)])
    engine.show("dog", ["/dog.jpg", "/cat9.jpg"])
    engine.site.replies.pop("/kitten0.jpg")  # a dead link: the next in rank takes its place
    engine.site.on("/cat1.jpg", photo("/cat0.jpg"))  # the same photo: counts once
    keywords = {"cat": ["cat", "kitten"], "dog": ["dog"]}
    result = run_crawl(engine, tmp_path, keywords, per_class=3, threads=16)
    assert names(result, "cat") == ["cat0.jpg", "kitten1.jpg", "cat2.jpg"]
    assert names(result, "dog") == ["dog.jpg", "cat9.jpg"]
    assert len(photo_requests(engine.site)) < 30
    alone = run_crawl(engine, tmp_path / "alone", keywords, per_class=3, threads=1)
    assert [row.url for row in alone.rows] == [row.url for row in result.rows]


def test_the_next_engine_is_searched_only_for_incomplete_classes(engine: ScriptedEngine, tmp_path: Path) -> None:
    other = ScriptedEngine(engine.site, "other")
    engine.show("cat", ["/cat0.jpg", "/cat1.jpg"])
    engine.show("dog", ["/dog0.jpg"])
    other.show("dog", ["/dog0.jpg", "/dog1.jpg", "/dog2.jpg"])
    result = run_crawl([engine, other], tmp_path, per_class=2)
    assert [(row.engine, row.name) for row in result.rows if row.label == "dog"] == [
        ("test", "dog0.jpg"),
        ("other", "dog1.jpg"),
    ]
    assert not any(path.startswith("/other/cat") for path in engine.site.asked)
    assert [(search.engine, search.label) for search in result.stats.searches] == [
        ("test", "cat"),
        ("test", "dog"),
        ("other", "dog"),
    ]


def test_underfilled_classes_are_reported_and_topped_up(
    engine: ScriptedEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine.show("cat", [f"/cat{n}.jpg" for n in range(9)])
    engine.show("dog", ["/dog0.jpg"])
    engine.show("dog photo", ["/dog1.jpg", "/dog0.jpg"])
    run_crawl(engine, tmp_path)
    assert "1 of 2 classes have less than half of the mean number of photos: dog (1)" in caplog.text
    result = run_crawl(engine, tmp_path, top_up=("{} photo",))
    assert [(row.keyword, row.name) for row in result.rows if row.label == "dog"] == [
        ("dog", "dog0.jpg"),
        ("dog photo", "dog1.jpg"),
    ]
    assert "/test/cat photo/0" not in engine.site.asked


@pytest.mark.slow
def test_a_killed_crawl_continues_without_missing_or_duplicate_rows(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.show("cat", [f"/cat{n}.jpg" for n in range(40)], [f"/cat{n}.jpg" for n in range(40, 60)])
    engine.show("dog", [f"/dog{n}.jpg" for n in range(30)])
    undisturbed = run_crawl(engine, tmp_path / "undisturbed", per_class=25)
    engine.site.asked.clear()
    code = f"""
import os, signal
from types import SimpleNamespace
from pathlib import Path
from threading import Lock
import tests.helpers.scripted_engine as t
from tasks.crawl.ledger.ledger import Ledger
put, count = Ledger.put, 0
def put_and_die(self, *args, **more):
    global count
    count += 1
    if count == 17:
        os.kill(os.getpid(), signal.SIGKILL)
    return put(self, *args, **more)
Ledger.put = put_and_die
engine = t.ScriptedEngine(SimpleNamespace(url={engine.site.url!r}))
t.run_crawl(engine, Path({str(tmp_path / "killed")!r}), per_class=25, threads=2)
"""
    repository = str(Path(__file__).parents[3])
    ended = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": repository}, check=False)
    assert ended.returncode == -signal.SIGKILL
    before = photo_requests(engine.site)
    engine.site.asked.clear()
    again = run_crawl(engine, tmp_path / "killed", per_class=25)
    assert [(row.photo, row.url, row.rank) for row in again.rows] == [
        (r.photo, r.url, r.rank) for r in undisturbed.rows
    ]
    assert len(before.keys() & photo_requests(engine.site).keys()) <= 2  # stored photos aren't requested again


def test_photos_of_one_class_only_are_a_user_error(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat.jpg"])
    engine.show("dog")
    with pytest.raises(UserError, match="photos of 'cat' only"):
        run_crawl(engine, tmp_path)


@pytest.mark.parametrize("keywords", [{}, {"cat": ["cat"]}, {"cat": ["cat"], "dog": []}])
def test_fewer_than_two_classes_are_rejected_before_any_request(
    engine: ScriptedEngine, tmp_path: Path, keywords: dict[str, list[str]]
) -> None:
    with pytest.raises(
        UserError,
        match=r"crawl\.keywords contains (no classes; give queries|only one class, 'cat', but a classifier needs two)",
    ):
        run_crawl(engine, tmp_path, keywords)
    assert not engine.site.asked


def test_a_class_without_queries_is_rejected(engine: ScriptedEngine, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"crawl\.keywords: class 'bird' has no query"):
        run_crawl(engine, tmp_path, {"bird": [], **CATS_AND_DOGS})
    assert not engine.site.asked


def test_every_query_is_validated_before_any_request(engine: ScriptedEngine, tmp_path: Path) -> None:
    first = engine.build_request

    def reject_odd(query: str, filters: SearchFilters) -> Request:
        if query == "odd":
            raise UserError("'odd' is no query")
        return first(query, filters)

    engine.build_request = reject_odd  # type: ignore[method-assign]
    with pytest.raises(UserError, match="'odd' is no query"):
        run_crawl(engine, tmp_path, {"cat": ["cat"], "dog": ["dog", "odd"]})
    assert not engine.site.asked


@pytest.mark.slow
def test_a_kept_photo_is_not_displaced_by_a_later_download(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.show("cat", [f"/cat{n}.jpg" for n in range(4)])
    engine.show("dog", ["/dog0.jpg", "/dog1.jpg"])
    engine.site.on("/cat0.jpg", engine.site.status(503))
    first = run_crawl(engine, tmp_path, per_class=2, retries=0, threads=1)
    assert names(first, "cat") == ["cat1.jpg", "cat2.jpg"]
    engine.site.on("/cat0.jpg", photo("/cat0.jpg"))
    engine.site.asked.clear()
    assert run_crawl(engine, tmp_path, per_class=2, retries=0).rows == first.rows
    assert not engine.site.asked  # each class is full, so no failed link is tried again
    assert names(run_crawl(engine, tmp_path, per_class=3), "cat") == ["cat1.jpg", "cat2.jpg", "cat0.jpg"]
    assert names(run_crawl(engine, tmp_path, per_class=2), "cat") == ["cat1.jpg", "cat2.jpg"]


@pytest.mark.slow
def test_a_crawl_that_ran_out_of_time_counts_as_ended(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat0.jpg", "/cat1.jpg", "/never.jpg"])
    engine.show("dog", ["/dog.jpg"])
    engine.site.on("/never.jpg", engine.site.stall)
    assert names(run_crawl(engine, tmp_path, deadline_s=1.5), "cat") == ["cat0.jpg", "cat1.jpg"]
    engine.site.on("/never.jpg", engine.site.status(404))
    engine.show("cat", ["/new.jpg", "/cat1.jpg", "/cat0.jpg"])
    result = run_crawl(engine, tmp_path)
    assert names(result, "cat") == ["cat0.jpg", "cat1.jpg", "new.jpg"]


def test_raising_a_limit_admits_the_photos_that_it_excluded(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat.jpg"])
    engine.show("dog", ["/dog.jpg", "/small.jpg"])
    out = BytesIO()
    Image.new("RGB", (1, 1)).save(out, "PNG")
    engine.site.on("/small.jpg", out.getvalue())
    tight = {"max_photo_mpx": 5e-6}
    with pytest.raises(UserError, match="photos of 'dog' only"):
        run_crawl(engine, tmp_path, **tight)
    engine.site.asked.clear()
    with pytest.raises(UserError, match="photos of 'dog' only"):
        run_crawl(engine, tmp_path, **tight)
    assert not photo_requests(engine.site)  # the same limit: not requested again
    assert len(run_crawl(engine, tmp_path).rows) == 3


def test_changing_a_setting_admits_the_photos_that_it_excluded(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat.jpg", "/noai.jpg"])
    engine.show("dog", ["/dog.jpg"])
    engine.site.on("/noai.jpg", engine.site.status(200, photo("noai"), X_Robots_Tag="noai"))
    assert names(run_crawl(engine, tmp_path), "cat") == ["cat.jpg"]
    engine.site.asked.clear()
    run_crawl(engine, tmp_path)
    assert engine.site.asked["/noai.jpg"] == 0
    assert names(run_crawl(engine, tmp_path, robots="nowhere"), "cat") == ["cat.jpg", "noai.jpg"]
