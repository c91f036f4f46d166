"""Which search results are downloaded, in which order, and which photos are kept."""

from datetime import UTC, datetime

import pytest

from configs.schema import CrawlConfig
from tasks.crawl.ledger.ledger import StoredPhoto
from tasks.crawl.ledger.search_results import Search, SearchResult
from tasks.crawl.selection import (
    Download,
    Quota,
    order_results,
    photo_row,
    plan_downloads,
    select_photos,
    size_problem,
)


def results(query: str, *urls: str, crawl_id: int = 1) -> list[SearchResult]:
    return [SearchResult(Search("test", query), url, crawl_id, rank) for rank, url in enumerate(urls, 1)]


def photo(sha256: str) -> StoredPhoto:
    return StoredPhoto(sha256, f"{sha256}.jpg", 1, 3, 2, 200, None, datetime(2024, 5, 1, tzinfo=UTC))


def test_the_queries_of_an_engine_take_turns_and_each_url_comes_once() -> None:
    found = [(0, result) for result in [*results("cat", "a", "b"), *results("kitten", "c", "a", "d")]]
    assert [(result.url, result.search.query) for result in order_results(found)] == [
        ("a", "cat"),
        ("c", "kitten"),
        ("b", "cat"),
        ("d", "kitten"),
    ]


def test_earlier_crawls_come_first_then_the_engines_in_order() -> None:
    later = [(0, result) for result in results("cat", "a", "b", crawl_id=2)]
    earlier = [(1, result) for result in results("cat", "x")] + [(0, result) for result in results("cat", "y")]
    assert [result.url for result in order_results([*later, *earlier])] == ["y", "x", "a", "b"]


def test_a_url_is_downloaded_once_for_all_classes_and_the_first_of_each_class_first() -> None:
    downloads = plan_downloads({"cat": results("cat", "a", "b", "c"), "dog": results("dog", "d", "c")})
    assert [(download.url, download.positions) for download in downloads] == [
        ("a", {"cat": 0}),
        ("d", {"dog": 0}),
        ("b", {"cat": 1}),
        ("c", {"cat": 2, "dog": 1}),
    ]


def test_photos_after_the_last_wanted_one_are_not_selected_even_if_they_were_downloaded() -> None:
    found = results("cat", "a", "gone", "again", "b", "again b", "c")
    photos = {"a": photo("A"), "again": photo("A"), "b": photo("B"), "again b": photo("B"), "c": photo("C")}
    assert [result.url for result, _ in select_photos(found, photos, 2)] == ["a", "b"]
    assert [result.url for result, _ in select_photos(found, photos, None)] == ["a", "b", "c"]


def test_a_class_needs_a_photo_while_it_has_too_few_at_earlier_positions() -> None:
    quota = Quota(2)
    quota.add(Download("e", {"cat": 5}), photo("E"))
    quota.add(Download("f", {"cat": 6}), photo("F"))
    assert quota.needs(Download("d", {"cat": 4}))
    quota.add(Download("a", {"cat": 0}), photo("A"))
    quota.add(Download("b", {"cat": 1}), photo("A"))  # the same photo
    assert quota.needs(Download("d", {"cat": 4}))
    quota.add(Download("c", {"cat": 2}), photo("C"))
    assert not quota.needs(Download("d", {"cat": 4}))
    assert quota.needs(Download("d", {"cat": 4, "dog": 0}))


def test_a_photo_is_named_after_the_path_of_its_url() -> None:
    for url, name in (
        ("http://host/p/a%20b.jpg?size=9#x", "a b.jpg"),
        ("http://host/", "host"),
        ("http://host:8080", "host:8080"),
        ("http://me:a[b@host/c.jpg", "c.jpg"),  # urllib parses that as an incomplete IPv6 address
    ):
        assert photo_row("cat", results("cat", url)[0], photo("A")).name == name


def sized(url: str, rank: int, size_px: tuple[int, int] | None, crawl_id: int = 1) -> SearchResult:
    width_px, height_px = size_px or (None, None)
    return SearchResult(Search("test", "cat"), url, crawl_id, rank, width_px=width_px, height_px=height_px)


def test_of_equal_ranks_the_larger_photo_comes_first_and_no_size_displaces_a_rank() -> None:
    found = [
        sized("small", 1, (100, 100)),
        sized("unknown", 1, None),
        sized("large", 1, (2000, 1000)),
        sized("huge", 2, (9000, 9000)),
        sized("later", 1, (9000, 9000), crawl_id=2),
    ]
    order = [result.url for result in order_results([(0, result) for result in found])]
    assert order == ["large", "small", "unknown", "huge", "later"]


@pytest.mark.parametrize(
    ("size_px", "problem"),
    [
        (None, None),
        ((640, 480), None),
        ((32, 32), None),
        ((31, 500), "too small"),
        ((500, 31), "too small"),
        ((1000, 340), "too narrow"),
        ((340, 1000), "too narrow"),
        ((1000, 350), None),
        ((20_000, 20_000), "too many pixels"),
        ((1, 1), "too small"),
    ],
)
def test_a_photo_that_would_be_rejected_is_not_worth_its_download(
    size_px: tuple[int, int] | None, problem: str | None
) -> None:
    assert size_problem(size_px, CrawlConfig()) == problem


def test_limits_of_the_size_can_be_disabled() -> None:
    assert size_problem((10, 1000), CrawlConfig(min_side_px=None, min_aspect=None)) is None


def test_a_download_has_the_size_that_any_engine_states() -> None:
    (download,) = plan_downloads({"cat": [sized("a", 1, None)], "dog": [sized("a", 3, (20, 10))]})
    assert download.size_px == (20, 10)
