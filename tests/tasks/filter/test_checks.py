"""The checks of single photos."""

import pytest

from configs.schema import FilterConfig
from tasks import tables
from tests.helpers.filtering import FAILING, CrawledPhotos


@pytest.mark.parametrize("reason", FAILING)
def test_each_check_has_its_reason_and_can_be_disabled(crawled: CrawledPhotos, reason: str) -> None:
    data, setting = FAILING[reason]
    photo = crawled.add("a", data)
    _, rejected, _ = crawled.filter()
    assert rejected["photo"].tolist() == [photo]
    assert rejected["reason"].tolist() == [reason]
    review = tables.filter.REVIEW.read(crawled.root / "out0").iloc[0]
    assert review["threshold"] == getattr(FilterConfig(), setting)
    assert (review["score"] > review["threshold"]) == (reason == "too light")
    kept, _, _ = crawled.filter(FilterConfig(**{setting: None}))
    assert photo in set(kept["photo"])
