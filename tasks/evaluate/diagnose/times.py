"""When photos were taken, as attributes for slices: periods as long as the range asks for, and parts of the day.

A time is a text in ISO 8601, as exact as it is known: `2026`, `2026-11`, `2026-11-27` or `2026-11-27T19:30:00`.
"""

import calendar
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tasks.images.exif import read_taken

_PARTS_OF_DAY = ("0–6 h", "6–12 h", "12–18 h", "18–24 h")
_MOST_MONTHS, _MOST_QUARTERS = 12, 20
_TWO_YEARS = 24
"""Months; over a shorter time, a month of the year says little that its quarter doesn't."""
_YEAR, _MONTH, _HOUR = slice(0, 4), slice(5, 7), slice(11, 13)


def exif_time(root: Path, file: object) -> str | None:
    """Return the local time at which a photo below the data folder was taken; None if its EXIF data doesn't say it."""
    if not isinstance(file, str):
        return None
    try:
        found = read_taken(root / file)
    except OSError:
        return None
    return found and datetime.fromtimestamp(found.local_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def periods(times: Sequence[str | None]) -> list[str | None]:
    """Divide times into months (`2026-11`), quarters (`2026 Q4`) or years (`2026`).

    They are months if the times lie within a year, quarters if they lie within five; years, too, if only the year of a
    time is known.
    """
    numbers = _month_numbers(times)
    span = max(numbers) - min(numbers) + 1 if numbers else None
    if span and span <= _MOST_MONTHS:
        return [time and time[:7] for time in times]
    if span and span <= 3 * _MOST_QUARTERS:
        return [time and f"{time[_YEAR]} Q{(int(time[_MONTH]) + 2) // 3}" for time in times]
    return [time and time[_YEAR] for time in times]


def months_of_year(times: Sequence[str | None]) -> list[str | None]:
    """Return the names of months, `November`; None for all, if the times don't span two years or aren't that exact."""
    numbers = _month_numbers(times)
    if not numbers or max(numbers) - min(numbers) + 1 < _TWO_YEARS:
        return [None] * len(times)
    return [time and calendar.month_name[int(time[_MONTH])] for time in times]


def parts_of_day(times: Sequence[str | None]) -> list[str | None]:
    """Return the quarter of the day, `18–24 h`; None where only the date is known."""
    return [_PARTS_OF_DAY[int(time[_HOUR]) // 6] if time and time[_HOUR] else None for time in times]


def _month_numbers(times: Sequence[str | None]) -> list[int]:
    """Return the months of the times, counted from the year 0; none if the month of a time isn't known."""
    known = [time for time in times if time]
    if not all(time[_MONTH] for time in known):
        return []
    return [12 * int(time[_YEAR]) + int(time[_MONTH]) - 1 for time in known]
