"""Search filters: values, sizes in pixels, date ranges, and errors."""

import pytest

from configs.schema import SearchFilters
from tasks.crawl.engines.filters import SupportedFilters
from tasks.store.errors import UserError

SUPPORTED = SupportedFilters(
    "fake",
    size={"large": "L"},
    type={"photo": "P"},
    min_size=lambda width, height: f"{width}+{height}" if width < 1000 else None,
    date_range=lambda first, last: f"{first:%d%m}-{last:%d%m}",
)


def test_values_are_translated_in_any_case() -> None:
    assert SUPPORTED.translate(SearchFilters(size=" Large ", type="PHOTO")) == {"size": "L", "type": "P"}
    assert SUPPORTED.translate(SearchFilters()) == {}


@pytest.mark.parametrize("value", [">=640x480", ">= 640 × 480", ">=640X480"])
def test_a_minimum_size_is_given_in_pixels(value: str) -> None:
    assert SUPPORTED.translate(SearchFilters(size=value)) == {"size": "640+480"}


def test_a_date_range_is_two_days() -> None:
    assert SUPPORTED.translate(SearchFilters(date="2026-01-02 .. 2026-03-04")) == {"date": "0201-0403"}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("2026-13-01..2026-12-31", "must be two days"),
        ("2026-01-01..", "must be two days"),
        ("2026-02-01..2026-01-01", "the last day is before the first"),
    ],
)
def test_a_malformed_date_range_is_an_error(value: str, reason: str) -> None:
    with pytest.raises(UserError, match=f"crawl.filters.date={value}:? {reason}"):
        SUPPORTED.translate(SearchFilters(date=value))


@pytest.mark.parametrize("value", [">=1000x1", ">=640", "640x480", ">=999999x1", "small"])
def test_an_unsupported_size_is_an_error_that_lists_the_supported_ones(value: str) -> None:
    with pytest.raises(UserError) as refusal:
        SUPPORTED.translate(SearchFilters(size=value))
    assert str(refusal.value) == (
        f"crawl.filters.size={value}: fake doesn't support it; it supports size: large, >=640x480; "
        "change the filter, or remove fake from crawl.sources"
    )


def test_an_unsupported_filter_is_an_error_that_lists_all_supported_filters() -> None:
    with pytest.raises(UserError, match="it supports size: large, >=640x480; type: photo; date: 2026"):
        SUPPORTED.translate(SearchFilters(colour="red"))
    with pytest.raises(UserError, match="it supports no filters"):
        SupportedFilters("none").translate(SearchFilters(colour="red"))
