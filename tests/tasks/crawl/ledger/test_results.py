"""Finds: each URL of a search once, with the night on which it was first seen."""

from pathlib import Path

from tasks.crawl.engines.engine import Hit
from tasks.crawl.ledger.ledger import Ledger
from tasks.crawl.ledger.results import Search

CAT = Search("bing", "cat")


def test_a_url_keeps_the_night_and_the_rank_at_which_it_was_first_seen(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger", tmp_path) as ledger:
        assert ledger.finds.add(CAT, 1, [(1, Hit("a", "page", "CC0", "me")), (2, Hit("b"))]) == 2
        assert ledger.finds.add(CAT, 2, [(1, Hit("b", "other")), (2, Hit("c"))]) == 1
        assert ledger.finds.add(Search("bing", "cat", "size=large"), 2, [(1, Hit("d"))]) == 1
        found = ledger.finds.of(CAT)
        assert [(find.url, find.night, find.rank) for find in found] == [("a", 1, 1), ("b", 1, 2), ("c", 2, 2)]
        assert (found[0].page, found[0].licence, found[0].author) == ("page", "CC0", "me")
        assert ledger.finds.count() == 4


def test_a_night_that_did_not_end_goes_on(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger", tmp_path) as ledger:
        first = ledger.finds.begin_night()
    with Ledger(tmp_path / "ledger", tmp_path) as ledger:
        assert ledger.finds.begin_night() == first
        ledger.finds.end_night(first)
        assert ledger.finds.begin_night() == first + 1
