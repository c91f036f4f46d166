"""The tally: every URL is accounted for, and what is wrong is said."""

from tasks.crawl.stats import ENOUGH, KEPT, SAME, Line, Tally


def line(label: str, *outcomes: str, engine: str = "bing", query: str = "", trouble: str | None = None) -> Line:
    urls = {f"{label}{place}": outcome for place, outcome in enumerate(outcomes)}
    return Line(label, engine, query or label, 1, len(urls), urls, trouble)


def test_a_url_that_two_searches_found_counts_once_a_class() -> None:
    tally = Tally([line("cat", KEPT, "HTTP 404"), line("cat", KEPT, "HTTP 404", query="kitten")], {"cat": 1})
    assert tally.outcomes == {KEPT: 1, "HTTP 404": 1}
    assert tally.counts()["dropped (HTTP 404)"] == 1
    assert tally.came_in(None) == (1, 2)


def test_the_share_of_what_was_wanted() -> None:
    lines = [line("cat", KEPT, SAME, ENOUGH, "truncated"), line("dog", KEPT, "noai")]
    tally = Tally(lines, {"cat": 1, "dog": 1})
    assert tally.came_in(None) == (4, 6)
    assert tally.came_in(2) == (3, 4)  # a class can't make up for another
    assert Tally([line("cat")], {"cat": 5}).came_in(None) == (0, 0)
    assert Tally([line("cat")], {"cat": 5, "dog": 9}).came_in(5) == (5, 10)  # nobody was asked for dogs, who are enough


def test_weak_classes_have_fewer_than_half_of_the_mean() -> None:
    assert Tally([], {"a": 10, "b": 10, "c": 4, "d": 3, "e": 0}).weak() == {"e": 0}
    assert Tally([], {}).weak() == {}


def test_the_summary_names_every_search_and_what_became_of_its_urls() -> None:
    lines = [
        line("cat", KEPT, "HTTP 404", "HTTP 404"),
        line("dog", trouble="HTTP 429"),
        line("cow"),
        line("a|b <i>", KEPT, query="x\n*y*"),
    ]
    summary = Tally(lines, {"cat": 1, "dog": 0, "cow": 0, "a|b <i>": 1}, fetched=2).summary()
    assert summary.startswith(
        "**2 photos of 4 classes are there now: 4 searches found 4 URLs, 2 photos were fetched, 2 URLs dropped"
    )
    assert "| cat | bing | cat | 1 | 3 | 3 | 1 | 2 HTTP 404 |" in summary
    assert "| dog | bing | dog | 1 | 0 | 0 | 0 | HTTP 429 |" in summary
    assert "| a\\|b \\<i\\> | bing | x \\*y\\* | 1 | 1 | 1 | 1 |  |" in summary
    assert "- bing: HTTP 429 ('dog')" in summary
    assert "- no photos were found for 'cow'" in summary


def test_the_rows_of_the_tables() -> None:
    tally = Tally([line("cat", KEPT, "truncated", ENOUGH)], {"cat": 1})
    assert tally.searches()[0]["dropped"] == '{"truncated": 1, "enough": 1}'
    assert [drop["reason"] for drop in tally.drops()] == ["truncated", "enough"]
