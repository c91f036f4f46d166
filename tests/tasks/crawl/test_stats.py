"""Statistics of a crawl: every URL is counted."""

from tasks.crawl.stats import KEPT, NOT_NEEDED, SAME_PHOTO, CrawlStats, SearchStats


def search(label: str, *outcomes: str, engine: str = "bing", query: str = "", error: str | None = None) -> SearchStats:
    urls = {f"{label}{place}": outcome for place, outcome in enumerate(outcomes)}
    return SearchStats(label, engine, query or label, 1, len(urls), urls, error)


def test_a_url_found_by_two_searches_counts_once_per_class() -> None:
    stats = CrawlStats([search("cat", KEPT, "HTTP 404"), search("cat", KEPT, "HTTP 404", query="kitten")], {"cat": 1})
    assert stats.outcomes == {KEPT: 1, "HTTP 404": 1}
    assert stats.counts()["dropped (HTTP 404)"] == 1
    assert stats.yield_count(None) == (1, 2)


def test_the_yield_counts_found_and_wanted_photos() -> None:
    searches = [search("cat", KEPT, SAME_PHOTO, NOT_NEEDED, "truncated"), search("dog", KEPT, "noai")]
    stats = CrawlStats(searches, {"cat": 1, "dog": 1})
    assert stats.yield_count(None) == (4, 6)
    assert stats.yield_count(2) == (3, 4)  # a class can't make up for another
    assert CrawlStats([search("cat")], {"cat": 5}).yield_count(None) == (0, 0)
    # dogs aren't searched for, because that class is full
    assert CrawlStats([search("cat")], {"cat": 5, "dog": 9}).yield_count(5) == (5, 10)


def test_underfilled_classes_have_less_than_half_of_the_mean_number_of_photos() -> None:
    assert CrawlStats([], {"a": 10, "b": 10, "c": 4, "d": 3, "e": 0}).underfilled() == {"e": 0}
    assert CrawlStats([], {}).underfilled() == {}


def test_rows_of_searches_and_of_dropped_urls() -> None:
    stats = CrawlStats([search("cat", KEPT, "truncated", NOT_NEEDED)], {"cat": 1})
    assert stats.search_rows()[0]["dropped"] == '{"truncated": 1, "enough": 1}'
    assert [drop["reason"] for drop in stats.dropped_rows()] == ["truncated", "enough"]
