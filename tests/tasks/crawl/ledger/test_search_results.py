"""Search results: each URL of a search once, with the crawl in which it was first seen."""

from pathlib import Path

from tasks.crawl.engines.engine import Hit
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
