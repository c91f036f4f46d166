"""Which leads are followed, in which order, and which are kept."""

from datetime import UTC, datetime

from tasks.support.leads import Lead, Search, downloads_of, kept, orders, row_of
from tasks.support.ledger import Photo


def search(label: str, keyword: str, *urls: str) -> Search:
    return Search(label, keyword, [Lead(url, label, keyword, rank, None) for rank, url in enumerate(urls, 1)])


def photo(sha256: str) -> Photo:
    return Photo(sha256, f"{sha256}.jpg", 1, datetime(2024, 5, 1, tzinfo=UTC))


def test_a_class_takes_turns_between_its_keywords_and_each_url_once() -> None:
    found = orders([search("cat", "cat", "a", "b"), search("cat", "kitten", "c", "a", "d"), search("dog", "dog", "a")])
    assert [(lead.url, lead.keyword) for lead in found["cat"]] == [
        ("a", "cat"),
        ("c", "kitten"),
        ("b", "cat"),
        ("d", "kitten"),
    ]
    assert [lead.url for lead in found["dog"]] == ["a"]


def test_a_url_is_downloaded_once_for_all_classes_the_best_of_each_first() -> None:
    downloads = downloads_of([search("cat", "cat", "a", "b", "c"), search("dog", "dog", "d", "c")])
    assert [(download.url, download.places) for download in downloads] == [
        ("a", {"cat": 0}),
        ("d", {"dog": 0}),
        ("b", {"cat": 1}),
        ("c", {"cat": 2, "dog": 1}),
    ]


def test_nothing_after_the_last_photo_that_is_wanted_counts_even_if_it_was_fetched() -> None:
    leads = search("cat", "cat", "a", "gone", "again", "b", "again b", "c").leads
    photos = {"a": photo("A"), "gone": None, "again": photo("A"), "b": photo("B"), "again b": photo("B"), "c": None}
    assert [lead.url for lead, _ in kept(leads, photos, 2)] == ["a", "again", "b"]
    assert [lead.url for lead, _ in kept(leads, photos, None)] == ["a", "again", "b", "again b"]


def test_a_photo_is_named_by_its_urls_path() -> None:
    for url, name in (("http://host/p/a%20b.jpg?size=9#x", "a b.jpg"), ("http://host/", "host")):
        lead = Lead(url, "cat", "cat", 1, None)
        assert row_of(lead, photo("A"), "test").name == name
