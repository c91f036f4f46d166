"""The summary of a crawl."""

from tasks.crawl.stats import KEPT, CrawlStats, SearchStats
from tasks.crawl.summary import summary


def search(label: str, *outcomes: str, engine: str = "bing", query: str = "", error: str | None = None) -> SearchStats:
    urls = {f"{label}{place}": outcome for place, outcome in enumerate(outcomes)}
    return SearchStats(label, engine, query or label, 1, len(urls), urls, error)


def test_the_summary_lists_every_search_with_the_outcomes_of_its_urls() -> None:
    searches = [
        search("cat", KEPT, "HTTP 404", "HTTP 404"),
        search("dog", error="HTTP 429"),
        search("cow"),
        search("a|b <i>", KEPT, query="x\n*y*"),
    ]
    text = summary(CrawlStats(searches, {"cat": 1, "dog": 0, "cow": 0, "a|b <i>": 1}, fetched=2))
    assert text.startswith(
        "**2 photos of 4 classes are stored now: 4 searches found 4 URLs, 2 photos were downloaded, 2 URLs were dropped"
    )
    assert "| cat | bing | cat | 1 | 3 | 3 | 1 | 2 HTTP 404 |" in text
    assert "| dog | bing | dog | 1 | 0 | 0 | 0 | HTTP 429 |" in text
    assert "| a\\|b \\<i\\> | bing | x \\*y\\* | 1 | 1 | 1 | 1 |  |" in text
    assert "- bing: HTTP 429 ('dog')" in text
    assert "- no photos were found for 'cow'" in text
