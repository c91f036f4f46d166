"""Filters of a search: words, sizes in pixels, days, and refusals."""

import pytest

from configs.schema import SearchFilters
from tasks.crawl.engines.filters import Offer
from tasks.store.errors import UserError

OFFER = Offer(
    "fake",
    size={"large": "L"},
    type={"photo": "P"},
    least=lambda width, height: f"{width}+{height}" if width < 1000 else None,
    between=lambda first, last: f"{first:%d%m}-{last:%d%m}",
)


def test_words_are_translated_whatever_their_case() -> None:
    assert OFFER.words(SearchFilters(size=" Large ", type="PHOTO")) == {"size": "L", "type": "P"}
    assert OFFER.words(SearchFilters()) == {}


@pytest.mark.parametrize("value", [">=640x480", ">= 640 × 480", ">=640X480"])
def test_a_least_size_is_in_pixels(value: str) -> None:
    assert OFFER.words(SearchFilters(size=value)) == {"size": "640+480"}


def test_a_period_is_of_two_days() -> None:
    assert OFFER.words(SearchFilters(date="2026-01-02 .. 2026-03-04")) == {"date": "0201-0403"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("2026-13-01..2026-12-31", "must be two days"),
        ("2026-01-01..", "must be two days"),
        ("2026-02-01..2026-01-01", "ends before"),
    ],
)
def test_days_that_make_no_period_are_refused(value: str, said: str) -> None:
    with pytest.raises(UserError, match=f"crawl.filters.date={value} {said}"):
        OFFER.words(SearchFilters(date=value))


@pytest.mark.parametrize("value", [">=1000x1", ">=640", "640x480", ">=999999x1", "small"])
def test_a_size_that_it_cannot_say_is_refused_with_those_that_it_can(value: str) -> None:
    with pytest.raises(UserError) as refusal:
        OFFER.words(SearchFilters(size=value))
    assert str(refusal.value) == (
        f"crawl.filters.size={value}: fake doesn't offer that; it offers size: large, >=640x480; "
        "change the filter, or take fake out of crawl.sources"
    )


def test_a_filter_that_it_does_not_have_is_refused_with_all_that_it_has() -> None:
    with pytest.raises(UserError, match="it offers size: large, >=640x480; type: photo; date: 2026"):
        OFFER.words(SearchFilters(colour="red"))
    with pytest.raises(UserError, match="it offers no filter at all"):
        Offer("none").words(SearchFilters(colour="red"))
