"""Rounds of a crawl: failing engines, empty results and canaries."""

from pathlib import Path

import pytest

from configs.schema import SearchFilters
from tasks import tables
from tasks.crawl.engines.engine import Request
from tasks.store.errors import UserError
from tests.helpers.scripted_engine import ScriptedEngine, run_crawl


def test_an_engine_that_refuses_is_reported_and_the_next_one_is_used(
    engine: ScriptedEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = ScriptedEngine(engine.site, "other")
    for keyword in ("cat", "dog"):
        engine.site.on(f"/test/{keyword}/0", engine.site.status(403))
        other.show(keyword, [f"/{keyword}.jpg"])
    result = run_crawl([engine, other], tmp_path, per_class=1, min_yield=1)
    assert {row.engine for row in result.rows} == {"other"}
    assert result.counts["failed searches"] == 2
    assert "test: it wants a captcha ('cat', 'dog')" in caplog.text
    assert "/test/canary/0" not in engine.site.asked  # it gave a reason, so no canary is needed


def test_an_empty_search_is_accepted_if_the_canary_finds_photos(
    engine: ScriptedEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine.show("cat", ["/cat.jpg"])
    engine.show("dog", ["/dog.jpg"])
    engine.show("unheard of")
    result = run_crawl(engine, tmp_path, {"cat": ["cat", "unheard of"], "dog": ["dog"]})
    assert "no photos were found for 'unheard of'" in caplog.text
    assert "failed searches" not in result.counts
    assert engine.site.asked["/test/canary/0"] == 1
    assert "/canary.jpg" not in engine.site.asked


@pytest.mark.parametrize("body", [b"[]", b"<html>not what it was</html>"])
def test_an_engine_whose_canary_finds_nothing_is_broken(
    engine: ScriptedEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    for keyword in ("cat", "dog", "canary"):
        engine.site.on(f"/test/{keyword}/0", engine.site.status(200, body, Content_Type="text/html"))
    with pytest.raises(
        UserError, match=r"no photos found \(crawl\.min_yield requires 20.%\).* see .*summary\.md, .*test\.html"
    ):
        run_crawl(engine, tmp_path, min_yield=0.2)
    assert "this engine's parser is broken: its canary query 'canary' found no photo" in caplog.text
    assert (tmp_path / "pools" / "answers" / "test.html").read_bytes() == body
    assert "parser is broken" in tables.shared.SUMMARY.path(tmp_path / "pools" / "answers").read_text()


def test_a_broken_engine_is_reported_even_if_the_next_one_fills_the_classes(
    engine: ScriptedEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = ScriptedEngine(engine.site, "other")
    for keyword in ("cat", "dog", "canary"):
        engine.site.on(f"/test/{keyword}/0", b"[]")
        other.show(keyword, [f"/{keyword}.jpg"])
    assert len(run_crawl([engine, other], tmp_path, per_class=1, min_yield=1).rows) == 2
    assert "test: this engine's parser is broken" in caplog.text


def test_the_canary_requests_one_page_without_filters(engine: ScriptedEngine, tmp_path: Path) -> None:
    """All pages could be hundreds of requests, and filters could exclude everything."""
    engine.show("cat", ["/cat.jpg"])
    engine.show("dog", ["/dog.jpg"])
    engine.show("unheard of")
    engine.show("canary", ["/c0.jpg"], ["/c1.jpg"], ["/c2.jpg"])
    seen = []
    first = engine.build_request

    def record(query: str, filters: SearchFilters) -> Request:
        seen.append((query, filters))
        return first(query, filters)

    engine.build_request = record  # type: ignore[method-assign]
    run_crawl(engine, tmp_path, {"cat": ["cat", "unheard of"], "dog": ["dog"]}, filters=SearchFilters(size="large"))
    assert [engine.site.asked[f"/test/canary/{n}"] for n in range(4)] == [1, 0, 0, 0]
    assert dict(seen)["canary"] == SearchFilters()
    assert dict(seen)["cat"] == SearchFilters(size="large")
