"""The summary for the dashboard."""

from tasks import tables
from tests.helpers.filtering import FAILING, CrawledPhotos, jpeg


def test_the_summary_counts_by_class_and_reason_and_shows_the_worst(crawled: CrawledPhotos) -> None:
    crawled.add("a|b", FAILING["too dark"][0], "<img src=x>")
    crawled.add("a|b", jpeg(100))
    crawled.add("b", b"nothing")
    crawled.filter()
    summary = tables.shared.SUMMARY.path(crawled.root / "out0").read_text()
    assert summary.startswith("**21 photos kept, 2 rejected (8.7\N{NO-BREAK SPACE}%)**")
    assert "| class | kept | too dark | unreadable |" in summary
    assert "| a\\|b | 1 | 1 | 0 |" in summary
    assert summary.count("](data:image/") == 1  # the unreadable one can't be shown
