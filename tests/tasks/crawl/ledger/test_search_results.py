"""Search results: each URL of a search once, with the crawl in which it was first seen."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tasks.crawl.engines.engine import Hit
from tasks.crawl.engines.parsing import parse_size
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.ledger.search_results import Search

CAT = Search("bing", "cat")


def test_a_url_keeps_the_crawl_and_the_rank_at_which_it_was_first_seen(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger", tmp_path) as ledger:
        assert ledger.search_results.add(CAT, 1, [(1, Hit("a", "page", "CC0", "me")), (2, Hit("b"))]) == 2
        assert ledger.search_results.add(CAT, 2, [(1, Hit("b", "other")), (2, Hit("c"))]) == 1
        assert ledger.search_results.add(Search("bing", "cat", "size=large"), 2, [(1, Hit("d"))]) == 1
        found = ledger.search_results.of(CAT)
        assert [(result.url, result.crawl_id, result.rank) for result in found] == [
            ("a", 1, 1),
            ("b", 1, 2),
            ("c", 2, 2),
        ]
        assert (found[0].page, found[0].licence, found[0].author) == ("page", "CC0", "me")
        assert ledger.search_results.count() == 4


def test_a_crawl_that_did_not_end_continues(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger", tmp_path) as ledger:
        first = ledger.search_results.begin_crawl()
    with Ledger(tmp_path / "ledger", tmp_path) as ledger:
        assert ledger.search_results.begin_crawl() == first
        ledger.search_results.end_crawl(first)
        assert ledger.search_results.begin_crawl() == first + 1


def test_the_size_is_that_of_the_first_time_a_url_was_seen(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger", tmp_path) as ledger:
        ledger.search_results.add(CAT, 1, [(1, Hit("a", size_px=(640, 480))), (2, Hit("b"))])
        ledger.search_results.add(CAT, 2, [(1, Hit("a", size_px=(9, 9))), (2, Hit("b", size_px=(9, 9)))])
        assert [result.size_px for result in ledger.search_results.of(CAT)] == [(640, 480), None]


def test_an_engine_may_send_any_number_as_a_size(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger", tmp_path) as ledger:
        for number, width in enumerate((1 << 52, 1 << 63, 10**30)):
            ledger.search_results.add(CAT, 1, [(number, Hit(f"{width}", size_px=parse_size(width, 1)))])
        assert [result.width_px for result in ledger.search_results.of(CAT)] == [1 << 52, None, None]


def test_an_upgrade_that_was_killed_begins_again(tmp_path: Path) -> None:
    url = "https://upload.wikimedia.org/cat.jpg"
    with Ledger(tmp_path / "ledger", tmp_path) as ledger:
        ledger.search_results.add(Search("commons", "cat"), 1, [(1, Hit(f"{url}?utm_source=x"))])
    with closing(sqlite3.connect(tmp_path / "ledger")) as database:
        database.execute("ALTER TABLE finds DROP COLUMN height_px")
        database.execute("CREATE TRIGGER killed BEFORE UPDATE ON finds BEGIN SELECT RAISE(ABORT, 'killed'); END")
        database.commit()
    with pytest.raises(sqlite3.IntegrityError, match="killed"):
        Ledger(tmp_path / "ledger", tmp_path)
    with closing(sqlite3.connect(tmp_path / "ledger")) as database:
        database.execute("DROP TRIGGER killed")
        database.commit()
    with Ledger(tmp_path / "ledger", tmp_path) as ledger:
        assert [result.url for result in ledger.search_results.of(Search("commons", "cat"))] == [url]


def test_a_ledger_of_an_earlier_version_stays_valid_and_its_photos_of_commons_are_not_fetched_again(
    tmp_path: Path,
) -> None:
    url = "https://upload.wikimedia.org/wikipedia/commons/a/a1/Cat.jpg"
    tracked = f"{url}?utm_source=commons.wikimedia.org&utm_campaign=imageinfo&utm_content=original"
    elsewhere = "https://photos.example/cat.jpg?utm_source=newsletter"
    with Ledger(tmp_path / "ledger", tmp_path / "photos") as ledger:
        for location in (tracked, elsewhere):
            ledger.put(location, b"photo")
        for engine, found in (("commons", tracked), ("bing", elsewhere)):
            ledger.search_results.add(Search(engine, "cat"), 1, [(1, Hit(found, "page", "CC0", "me"))])
        ledger.retry_schedule.record("https://upload.wikimedia.org/other.jpg", "HTTP 404", transient=False)
    with closing(sqlite3.connect(tmp_path / "ledger")) as database:  # as the earlier version wrote it
        for column in ("width_px", "height_px"):
            database.execute(f"ALTER TABLE finds DROP COLUMN {column}")
        database.commit()
    for _ in range(2):
        with Ledger(tmp_path / "ledger", tmp_path / "photos") as ledger:
            (result,) = ledger.search_results.of(Search("commons", "cat"))
            assert (result.url, result.page, result.licence, result.size_px) == (url, "page", "CC0", None)
            assert ledger.lookup(url)
            assert ledger.lookup(elsewhere)
            assert [result.url for result in ledger.search_results.of(Search("bing", "cat"))] == [elsewhere]
            assert ledger.search_results.add(Search("commons", "cat"), 2, [(1, Hit(url, size_px=(2, 1)))]) == 0
