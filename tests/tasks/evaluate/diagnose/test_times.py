"""Periods of time, as long as the range asks for."""

from collections.abc import Sequence

import pytest

from tasks.evaluate.diagnose.times import months_of_year, parts_of_day, periods


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (["2025-12-31T23:59:59", None, "2026-11-27"], ["2025-12", None, "2026-11"]),
        (["2025-12-31", "2026-12-01"], ["2025 Q4", "2026 Q4"]),
        (["2020-03-31", "2024-04-01"], ["2020 Q1", "2024 Q2"]),
        (["2020-03-31", "2025-03-01"], ["2020", "2025"]),
        (["2026", "2026-11-27", None], ["2026", "2026", None]),
        ([None, None], [None, None]),
        ([], []),
    ],
    ids=["a year", "13 months", "5 years", "more", "only years", "unknown", "no photos"],
)
def test_periods(times: Sequence[str | None], expected: Sequence[str | None]) -> None:
    assert periods(times) == expected


def test_months_of_the_year_where_they_come_again() -> None:
    assert months_of_year(["2025-02-01", None, "2026-12-31"]) == [None, None, None]
    assert months_of_year(["2025-02-01", None, "2027-01-01"]) == ["February", None, "January"]
    assert months_of_year(["2020", "2026-03-01"]) == [None, None]


def test_parts_of_the_day_where_the_hour_is_known() -> None:
    assert parts_of_day(["2026-11-27T05:59:00", "2026-11-27T18:00:00", "2026-11-27", None]) == [
        "0–6 h",
        "18–24 h",
        None,
        None,
    ]
