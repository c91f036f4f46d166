"""Crawls with a blocklist, and crawls that only use what is stored."""

import hashlib
from pathlib import Path

import pytest

from tasks.store.errors import UserError
from tests.helpers.scripted_engine import ScriptedEngine, names, photo, run_crawl


def test_the_blocklist_excludes_photos_by_url_and_by_content(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat0.jpg", "/cat1.jpg", "/cat2.jpg"])
    engine.show("dog", ["/dog.jpg"])
    content = hashlib.sha256(photo("/cat1.jpg")).hexdigest()
    result = run_crawl(engine, tmp_path, blocklist={content, f"{engine.site.url}/cat0.jpg"})
    assert names(result, "cat") == ["cat2.jpg"]
    assert result.counts["dropped (forgotten)"] == 2
    assert "/cat0.jpg" not in engine.site.asked
    assert not [path for path in tmp_path.rglob("*") if content in path.name]


def test_a_blocklisted_photo_is_not_downloaded_twice(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat0.jpg", "/cat1.jpg"])
    engine.show("dog", ["/dog.jpg"])
    blocklist = {hashlib.sha256(photo("/cat1.jpg")).hexdigest()}
    for _ in range(2):
        assert run_crawl(engine, tmp_path, blocklist=blocklist).counts["dropped (forgotten)"] == 1
    assert engine.site.asked["/cat1.jpg"] == 1
    assert names(run_crawl(engine, tmp_path), "cat") == ["cat0.jpg", "cat1.jpg"]  # removed from the blocklist


def test_a_replay_sends_no_request(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat0.jpg", "/cat1.jpg"])
    engine.show("dog", ["/dog.jpg"])
    first = run_crawl(engine, tmp_path)
    engine.site.asked.clear()
    assert run_crawl(engine, tmp_path, replay=True).rows == first.rows
    assert len(run_crawl(engine, tmp_path, replay=True, per_class=1).rows) == 2
    assert not engine.site.asked
    with pytest.raises(UserError, match="run a crawl without it first"):
        run_crawl(engine, tmp_path, {"cat": ["cat"], "bird": ["bird"]}, replay=True)


def test_a_replay_excludes_photos_blocklisted_by_url(engine: ScriptedEngine, tmp_path: Path) -> None:
    engine.show("cat", ["/cat0.jpg", "/cat1.jpg"])
    engine.show("dog", ["/dog.jpg"])
    run_crawl(engine, tmp_path)
    result = run_crawl(engine, tmp_path, replay=True, blocklist={f"{engine.site.url}/cat0.jpg"})
    assert names(result, "cat") == ["cat1.jpg"]
