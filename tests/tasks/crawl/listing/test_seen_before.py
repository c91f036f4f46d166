"""Photos that vanish between two listings of a source."""

from tasks.crawl.listing.seen_before import SeenBefore


def test_vanished_names_are_those_of_the_last_listing_and_are_told_once() -> None:
    seen = SeenBefore()
    seen.remember("a", ["old"])
    seen.remember("a", ["1", "ü", "2", "2"])
    seen.remember("b", [])
    assert seen.vanished("a", ["2", "new"]) == [
        "1 (vanished while it was crawled)",
        "ü (vanished while it was crawled)",
    ]
    assert seen.vanished("a", []) == seen.vanished("b", []) == seen.vanished("c", []) == []
