"""Which finds are followed, in which order, and which are kept."""

from datetime import UTC, datetime

from tasks.crawl.ledger.ledger import Photo
from tasks.crawl.ledger.results import Find, Search
from tasks.crawl.selection import Download, Quota, downloads_of, kept, ordered, row_of


def finds(query: str, *urls: str, night: int = 1) -> list[Find]:
    return [Find(Search("test", query), url, night, rank) for rank, url in enumerate(urls, 1)]


def photo(sha256: str) -> Photo:
    return Photo(sha256, f"{sha256}.jpg", 1, 3, 2, 200, None, datetime(2024, 5, 1, tzinfo=UTC))


def test_a_class_takes_turns_between_the_queries_of_an_engine_and_each_url_once() -> None:
    found = [(0, find) for find in [*finds("cat", "a", "b"), *finds("kitten", "c", "a", "d")]]
    assert [(find.url, find.search.query) for find in ordered(found)] == [
        ("a", "cat"),
        ("c", "kitten"),
        ("b", "cat"),
        ("d", "kitten"),
    ]


def test_older_nights_come_first_then_the_engines_in_order() -> None:
    tonight = [(0, find) for find in finds("cat", "a", "b", night=2)]
    before = [(1, find) for find in finds("cat", "x", night=1)] + [(0, find) for find in finds("cat", "y", night=1)]
    assert [find.url for find in ordered([*tonight, *before])] == ["y", "x", "a", "b"]


def test_a_url_is_downloaded_once_for_all_classes_the_best_of_each_first() -> None:
    downloads = downloads_of({"cat": finds("cat", "a", "b", "c"), "dog": finds("dog", "d", "c")})
    assert [(download.url, download.places) for download in downloads] == [
        ("a", {"cat": 0}),
        ("d", {"dog": 0}),
        ("b", {"cat": 1}),
        ("c", {"cat": 2, "dog": 1}),
    ]


def test_nothing_after_the_last_photo_that_is_wanted_counts_even_if_it_was_fetched() -> None:
    found = finds("cat", "a", "gone", "again", "b", "again b", "c")
    photos = {"a": photo("A"), "again": photo("A"), "b": photo("B"), "again b": photo("B"), "c": photo("C")}
    assert [find.url for find, _ in kept(found, photos, 2)] == ["a", "b"]
    assert [find.url for find, _ in kept(found, photos, None)] == ["a", "b", "c"]


def test_a_class_needs_a_photo_as_long_as_it_has_too_few_before_it() -> None:
    quota = Quota(2)
    quota.take(Download("e", {"cat": 5}), photo("E"))
    quota.take(Download("f", {"cat": 6}), photo("F"))
    assert quota.needs(Download("d", {"cat": 4}))
    quota.take(Download("a", {"cat": 0}), photo("A"))
    quota.take(Download("b", {"cat": 1}), photo("A"))  # the same again
    assert quota.needs(Download("d", {"cat": 4}))
    quota.take(Download("c", {"cat": 2}), photo("C"))
    assert not quota.needs(Download("d", {"cat": 4}))
    assert quota.needs(Download("d", {"cat": 4, "dog": 0}))


def test_a_photo_is_named_by_its_urls_path() -> None:
    for url, name in (
        ("http://host/p/a%20b.jpg?size=9#x", "a b.jpg"),
        ("http://host/", "host"),
        ("http://host:8080", "host:8080"),
        ("http://me:a[b@host/c.jpg", "c.jpg"),  # urllib takes that for half an IPv6 address
    ):
        assert row_of("cat", finds("cat", url)[0], photo("A")).name == name
