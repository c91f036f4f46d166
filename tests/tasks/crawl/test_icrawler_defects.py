"""Each defect of icrawler 0.6.10 that our subclasses correct: a test passes with ours and fails with the plain one."""

import logging
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.store.errors import UserError
from tests.helpers.icrawler_comparison import Crawl, bomb, late, ours, picture, plain, show

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

both = pytest.mark.parametrize(
    "crawl",
    [
        ours,
        pytest.param(
            plain,
            marks=[pytest.mark.xfail(strict=True, raises=(AssertionError, pytest.fail.Exception)), pytest.mark.slow],
        ),
    ],
)
"""With the plain crawler only an assertion may fail: another error proves nothing."""


@pytest.fixture(autouse=True)
def _restore_loggers() -> Iterator[None]:
    level = logging.getLogger("requests").level
    yield
    logging.getLogger("requests").setLevel(level)


@pytest.mark.parametrize("crawl", [ours, pytest.param(plain, marks=pytest.mark.slow)])
def test_both_download_photos_if_nothing_fails(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    show(site, "cat", ["/1.jpg", "/2.jpg"], ["/3.jpg"])
    for number in (1, 2, 3):
        site.on(f"/{number}.jpg", picture(number))
    assert crawl(site, ["cat"], tmp_path, pages=2).photos == {picture(1), picture(2), picture(3)}


@both
def test_a_crawl_returns_counts(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    show(site, "cat", ["/1.jpg", "/gone.jpg"])
    site.on("/1.jpg", picture(1))
    returned = crawl(site, ["cat"], tmp_path).returned
    assert returned is not None
    assert returned.counts["dropped (HTTP 404)"] == 1


@both
def test_a_crawl_without_any_photo_is_an_error(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    show(site, "cat", ["/gone.jpg"])
    with pytest.raises(UserError):
        crawl(site, ["cat"], tmp_path)


@both
def test_a_second_crawl_into_the_same_folder_adds_to_it(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    for number, keyword in enumerate(["cat", "kitten"]):
        show(site, keyword, [f"/{number}.jpg"])
        site.on(f"/{number}.jpg", picture(number))
        crawled = crawl(site, [keyword], tmp_path)
    assert crawled.photos == {picture(0), picture(1)}


@both
def test_a_decompression_bomb_loses_no_other_photo(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    show(site, "cat", ["/bomb.png", "/1.jpg", "/2.jpg"])
    site.on("/bomb.png", bomb())
    site.on("/1.jpg", picture(1))
    site.on("/2.jpg", picture(2))
    assert crawl(site, ["cat"], tmp_path).photos >= {picture(1), picture(2)}


@both
def test_a_truncated_photo_is_not_kept(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    show(site, "cat", ["/1.jpg", "/cut.jpg"])
    site.on("/1.jpg", picture(1))
    site.on("/cut.jpg", picture(2)[:-300])
    assert crawl(site, ["cat"], tmp_path).photos == {picture(1)}


@both
def test_a_file_is_named_after_its_content(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    show(site, "cat", ["/1.jpg"])
    site.on("/1.jpg", picture(1, "WEBP"))
    assert [Path(name).suffix for name in crawl(site, ["cat"], tmp_path).files] == [".webp"]


@both
def test_keywords_are_sent_unchanged(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    show(site, "Kätzchen & Co?/#1", ["/1.jpg"])
    site.on("/1.jpg", picture(1))
    assert crawl(site, ["Kätzchen & Co?/#1"], tmp_path).photos == {picture(1)}


@both
def test_a_page_without_results_ends_no_other_search(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    """GoogleParser returns None there, and its thread ends with a TypeError."""
    show(site, "unheard of", [])
    show(site, "cat", ["/1.jpg"])
    site.on("/1.jpg", picture(1))
    assert crawl(site, ["unheard of", "cat"], tmp_path).photos == {picture(1)}


@both
def test_a_request_to_a_busy_server_is_retried(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    show(site, "cat", ["/1.jpg"])
    site.on("/1.jpg", site.status(503), picture(1))
    assert crawl(site, ["cat"], tmp_path).photos == {picture(1)}


@both
def test_requests_name_the_crawler_and_loggers_are_not_changed(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    level = logging.getLogger("requests").level
    show(site, "cat", ["/1.jpg"])
    site.on("/1.jpg", picture(1))
    crawl(site, ["cat"], tmp_path)
    assert not [headers for headers in site.headers if "Mozilla" in headers["User-Agent"]]
    assert logging.getLogger("requests").level == level


@pytest.mark.slow
@both
def test_photos_found_after_a_gap_of_five_seconds_are_downloaded(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    show(site, "cat", ["/1.jpg"], ["/2.jpg"])
    page = f'<html><script>["{site.url}/2.jpg"]</script></html>'.encode()
    site.on("/cat/1", late(page, 6))
    site.on("/1.jpg", picture(1))
    site.on("/2.jpg", picture(2))
    assert crawl(site, ["cat"], tmp_path, pages=2, patient=True).photos == {picture(1), picture(2)}


@both
def test_a_crawl_ends_when_its_work_is_done(
    crawl: Crawl, site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """icrawler's threads end after they have waited in vain for more work, for seconds."""
    timeouts = []
    get = queue.Queue.get

    def get_and_count(self: queue.Queue[Any], *args: Any, **how: Any) -> Any:
        try:
            return get(self, *args, **how)
        except queue.Empty:
            if how.get("timeout") is not None:  # urllib3's pool of connections never waits
                timeouts.append(how)
            raise

    monkeypatch.setattr(queue.Queue, "get", get_and_count)
    show(site, "cat", ["/1.jpg"])
    site.on("/1.jpg", picture(1))
    crawl(site, ["cat"], tmp_path)
    assert not timeouts


@pytest.mark.slow
@both
def test_photos_waiting_for_a_full_queue_are_not_dropped(crawl: Crawl, site: Any, tmp_path: Path) -> None:
    """icrawler's queue records a task before it has room for it, and then rejects the retry as a duplicate."""
    show(site, "cat", [f"/{number}.jpg" for number in range(9)])
    site.on("/0.jpg", late(picture(0), 1.5))
    for number in range(1, 9):
        site.on(f"/{number}.jpg", picture(number))
    assert crawl(site, ["cat"], tmp_path, patient=True).photos == {picture(number) for number in range(9)}
