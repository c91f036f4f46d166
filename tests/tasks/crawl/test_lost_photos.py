"""Photos that were stored and are gone: had again where that is possible, else one line, or the end of the crawl."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

from configs.schema import CrawlConfig
from tasks.crawl import stage as crawl
from tasks.crawl.ledger.ledger import Ledger
from tasks.images import photo_files
from tasks.store import hashing
from tasks.store.context import StageContext
from tasks.store.errors import UserError
from tasks.store.stage import Outcome, Run
from tasks.store.store import Store
from tests.helpers.scripted_engine import CATS_AND_DOGS, ScriptedEngine, photo


@pytest.fixture
def listed(site: Any, tmp_path: Path) -> CrawlConfig:
    """A list of 20 URLs, 10 of each class, which were crawled once."""
    names = [f"{label}{number}.png" for label in ("cat", "dog") for number in range(10)]
    for name in names:
        site.on(f"/{name}", photo(name))
    text = "url,label\n" + "".join(f"{site.url}/{name},{name[:3]}\n" for name in names)
    (tmp_path / "urls.csv").write_text(text, encoding="utf-8")
    config = CrawlConfig(
        sources="urls",
        path=tmp_path / "urls.csv",
        requests_per_s=1000,
        retries=0,
        private_hosts=(urlsplit(site.url).netloc,),
    )
    assert run(config, tmp_path).manifest.counts["photos"] == 20
    return config


def offline(config: CrawlConfig, **settings: Any) -> CrawlConfig:
    return config.model_copy(update={"replay": True, **settings})


def run(config: CrawlConfig, root: Path) -> Outcome:
    with ThreadPoolExecutor(2) as executor:
        return Run(Store(root / "data"), executor).get_or_build(crawl.STAGE, config)


def lose(root: Path, count: int) -> None:
    for path in sorted((root / "data" / "photos").rglob("*.png"))[:count]:
        path.unlink()


def test_lost_photos_are_fetched_again(listed: CrawlConfig, tmp_path: Path) -> None:
    lose(tmp_path, 8)
    again = run(listed, tmp_path)
    assert again.manifest.counts["photos"] == 20
    assert not again.manifest.notes


def test_few_lost_photos_are_one_line(listed: CrawlConfig, tmp_path: Path) -> None:
    lose(tmp_path, 2)
    (note,) = run(offline(listed), tmp_path).manifest.notes
    assert note.startswith(
        f"2 of 20 photos that were stored are gone from {tmp_path}/data/photos and can't be had again:"
    )


def test_many_lost_photos_end_the_crawl_with_one_line_each_night_until_they_are_accepted(
    listed: CrawlConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert run(offline(listed), tmp_path).manifest.counts["photos"] == 20
    lose(tmp_path, 9)
    for _ in range(2):
        caplog.clear()
        with pytest.raises(UserError, match=r"^9 of 20 photos that were stored .* or raise crawl\.max_loss$"):
            run(offline(listed), tmp_path)
        assert len([record for record in caplog.records if "will be built again" in record.message]) == 3
    accepted = run(offline(listed, max_loss=0.5), tmp_path)
    assert accepted.manifest.counts["photos"] == 11


def test_lost_photos_of_a_list_are_said_once(site: Any, listed: CrawlConfig, tmp_path: Path) -> None:
    site.replies.clear()
    lose(tmp_path, 2)
    (note,) = run(listed, tmp_path).manifest.notes
    assert "2 of 20 photos that were stored are gone" in note


def test_many_lost_photos_of_a_list_end_the_crawl_each_night(site: Any, listed: CrawlConfig, tmp_path: Path) -> None:
    site.replies.clear()
    lose(tmp_path, 9)
    for _ in range(2):  # the second time, the failed URLs wait for their next try
        with pytest.raises(UserError, match="9 of 20 photos that were stored are gone"):
            run(listed, tmp_path)


def test_a_photo_is_lost_if_it_is_gone_and_was_fetched_in_vain(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger", tmp_path / "photos") as ledger:
        for url in ("http://h/kept", "http://h/gone", "http://h/again"):
            ledger.put(url, url.encode())
    for url in ("http://h/gone", "http://h/again"):
        photo_files.path_of(tmp_path / "photos", url.encode(), hashing.of_bytes(url.encode())).unlink()
    with Ledger(tmp_path / "ledger", tmp_path / "photos") as ledger:
        assert [ledger.lookup(url) is None for url in ("http://h/kept", "http://h/gone", "http://h/again")] == [
            False,
            True,
            True,
        ]
        assert ledger.lost(offline=False) == []  # nothing was tried
        assert ledger.lost(offline=True) == ["http://h/again", "http://h/gone"]
        ledger.retry_schedule.record("http://h/gone", "HTTP 500", transient=True)
        ledger.retry_schedule.record("http://h/new", "HTTP 404", transient=False)
        ledger.put("http://h/again", b"http://h/again")
        assert ledger.lost(offline=False) == ["http://h/gone"]
        assert ledger.lost(offline=True) == ["http://h/gone"]


def test_a_photo_that_was_never_had_is_not_lost(site: Any, listed: CrawlConfig, tmp_path: Path) -> None:
    text = (tmp_path / "urls.csv").read_text(encoding="utf-8")
    (tmp_path / "urls.csv").write_text(text + f"{site.url}/gone.png,cat\n" * 5, encoding="utf-8")
    assert not [note for note in run(listed, tmp_path).manifest.notes if "were stored" in note]


def test_photos_of_a_search_that_are_gone_end_the_crawl(
    engine: ScriptedEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crawl, "load", lambda package, name: SimpleNamespace(ENGINE=engine, __file__=__file__))
    for label in ("cat", "dog"):
        engine.show(label, [f"/{label}{number}.jpg" for number in range(5)])
    host = urlsplit(engine.site.url).netloc
    config = CrawlConfig(
        sources="test", keywords=CATS_AND_DOGS, private_hosts=(host,), requests_per_s=1000, retries=0, min_yield=0
    )
    context = StageContext(tmp_path, tmp_path / "out", tmp_path / "pools", tmp_path / "photos")
    context.out.mkdir()
    assert crawl.build_photos(config, context=context).counts["photos"] == 10
    for path in sorted((tmp_path / "photos").rglob("*.png"))[:4]:
        path.unlink()
    for label in ("cat", "dog"):
        for number in range(5):
            engine.site.replies.pop(f"/{label}{number}.jpg")
    with pytest.raises(UserError, match="4 of 10 photos that were stored are gone"):
        crawl.build_photos(config, context=context)
